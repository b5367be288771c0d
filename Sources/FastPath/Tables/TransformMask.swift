internal import Associations

/// Sets of transforms as bits of a word, for what is asked of a packet. An SA remembers its transform's place in it.
enum TransformMask {
    /// Traps for what is no transform of `Transform.allCases`: there is none.
    static func place(of transform: Transform) -> UInt8 { UInt8(Transform.allCases.firstIndex(of: transform)!) }

    static func bits(_ transforms: Set<Transform>) -> UInt32 {
        transforms.reduce(0) { $0 | 1 << UInt32(place(of: $1)) }
    }

    static func contains(_ place: UInt8, in bits: UInt32) -> Bool { bits >> UInt32(place) & 1 != 0 }
}

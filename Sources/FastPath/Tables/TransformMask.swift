internal import Associations

/// Transforms as bits of a byte, for what is asked of a packet.
enum TransformMask {
    static func bit(_ transform: Transform) -> UInt8 {
        switch transform {
        case .aes128gcm16: 1
        case .aes256gcm16: 2
        }
    }

    static func bits(_ transforms: Set<Transform>) -> UInt8 { transforms.reduce(0) { $0 | bit($1) } }
}

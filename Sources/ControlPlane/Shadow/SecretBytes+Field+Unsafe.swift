internal import Associations
internal import CMachine

extension SecretBytes {
    /// Appends the bytes with their count in front. The array holds a copy then, which its owner has to `wipe`.
    func appendField(to bytes: inout [UInt8]) {
        bytes.append(UInt8(count))
        // Copied before the pointer ends.
        unsafe withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
    }
}

extension [UInt8] {
    /// Zeros all bytes, for what held a key for a moment. Copies that the array shares no storage with stay.
    package mutating func wipe() {
        // The array's own bytes, as many as it has.
        unsafe withUnsafeMutableBytes { bytes in
            if let start = bytes.baseAddress { unsafe machine_wipe(start, bytes.count) }
        }
    }
}

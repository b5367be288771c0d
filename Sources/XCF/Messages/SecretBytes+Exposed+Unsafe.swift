internal import Associations

extension SecretBytes {
    /// A copy, which its owner has to `wipe`.
    var exposed: [UInt8] {
        // Copied before the pointer ends.
        unsafe withUnsafeBytes { unsafe Array($0) }
    }
}

internal import Associations

extension SecretBytes {
    /// A copy for a message to the kernel. The message and its parts are wiped by nobody: who could read this process's
    /// memory finds the key in it as long as the SA lives anyway.
    var copy: [UInt8] {
        // Copied before the pointer ends.
        unsafe withUnsafeBytes { unsafe Array($0) }
    }
}

internal import Associations

extension SecurityAssociation {
    /// The salt as one number whose bytes lie in memory as they were given.
    var saltInMemory: UInt32 {
        // The salt has four bytes: SecurityAssociation checked it.
        unsafe salt.withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt32.self) }
    }
}

internal import Associations

extension SecurityAssociation {
    /// The salt as one number whose bytes lie in memory as they were given; 0 for none.
    var saltInMemory: UInt32 {
        guard salt.count == 4 else { return 0 }
        // Four bytes are there.
        return unsafe salt.withUnsafeBytes { unsafe $0.loadUnaligned(as: UInt32.self) }
    }
}

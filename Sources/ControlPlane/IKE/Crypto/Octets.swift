public import Associations

/// A piece of what a keyed function reads. Open pieces (nonces, SPIs, messages) are ordinary bytes; secret ones stay in
/// the memory that is wiped.
public enum Octets: Sendable {
    case open([UInt8])
    case secret(SecretBytes)

    public var count: Int {
        switch self {
        case .open(let bytes): bytes.count
        case .secret(let bytes): bytes.count
        }
    }
}

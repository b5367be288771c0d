public import Associations
internal import Wire

/// One end of what protects the lease messages of one connection of the XCF link, after whose end its key is never used
/// again: AES-256-GCM, a key for each direction, each datagram's number its nonce.
///
/// ```
///  0        2     3      4        6     8        12      16       24               89      105
///  +--------+-----+------+--------+-----+--------+-------+--------+----------------+-------+
///  | 0x564C |  2  | from | holder |  0  | key id | epoch | number | message, sealed|  ICV  |
///  +--------+-----+------+--------+-----+--------+-------+--------+----------------+-------+
///    big-endian; the first 16 bytes are associated data, the number is the IV
/// ```
///
/// A reference, so that there is one counter: of a copied one both would use the same numbers.
public final class LeaseChannel {
    public enum End: UInt8, Sendable, Hashable {
        case holder = 1
        case sequencer = 2
    }

    /// Why a datagram changes nothing.
    public enum Fault: String, Error, Sendable, Hashable, CaseIterable {
        /// No sealed lease message of this version, of this holder and from the other end.
        case malformed
        /// Sealed under another connection's key: before this one, or of another cluster.
        case otherKey
        case unauthentic
        /// Sealed under an epoch before ours.
        case epochIsOver
        /// For a sequencer: its holder knows of an owner after this one.
        case epochIsAhead
        /// Came before, or is older than `Numbers.width` others.
        case repeated
    }

    public static let keyByteCount = 32
    public static let byteCount = headerByteCount + 8 + LeaseMessage.byteCount + 1 + 16
    static let headerByteCount = 16
    private static let version: UInt8 = 2

    public let end: End
    public let holder: HolderID
    /// Every datagram is sealed under it. Only grows.
    public private(set) var epoch: Epoch
    private let key: SecretBytes
    /// Says which key it is and nothing else of it: where keys differ, the reason can be named.
    private let keyID: UInt32
    private let sealing, opening: IKEProtection
    private var sent: UInt64 = 0
    private var seen = Numbers()

    /// `key`: `Welcome.leaseKey`, 32 random bytes for this connection alone: a second channel of the same end under it
    /// would seal under the same nonces. Traps when it is not as long.
    public init(_ end: End, of holder: HolderID, key: SecretBytes, epoch: Epoch) {
        precondition(key.count == Self.keyByteCount)
        self.end = end
        self.holder = holder
        self.epoch = epoch
        self.key = key
        // HKDF-Expand (RFC 5869 §2.3), which prf+ is, too; the key is random, so there is nothing to extract.
        func expanded(_ label: String, _ byteCount: Int) -> SecretBytes {
            var info = Array("viaduct leases 1, \(label)".utf8)
            info.append(bigEndian: holder.rawValue)
            return PRF.prfsha256.plus(.secret(key), [.open(info)], byteCount: byteCount)
        }
        keyID = expanded("key id", 4).disclosed.reduce(0) { $0 << 8 | UInt32($1) }
        let algorithm = ProtectionAlgorithm(.aes256gcm16)!
        func protection(from end: End) -> IKEProtection {
            let label = end == .holder ? "holder to sequencer" : "sequencer to holder"
            return IKEProtection(
                algorithm, encryptionKey: expanded(label, algorithm.encryptionKeyByteCount),
                integrityKey: SecretBytes([]))
        }
        sealing = protection(from: end)
        opening = protection(from: end.other)
    }

    public func isUnder(_ key: SecretBytes) -> Bool { self.key.matches(key) }

    /// There is another owner. An older epoch changes nothing.
    public func advance(to epoch: Epoch) { self.epoch = max(self.epoch, epoch) }

    public func seal(_ message: LeaseMessage) -> [UInt8] {
        // 2^64 datagrams are not sent in the life of any connection; if they were, no number may come again.
        sent += 1
        let header = header(from: end, epoch)
        return header + sealing.seal(message.bytes, associatedData: header, number: sent)
    }

    /// What the other end sealed, once. A holder learns of a new epoch by it.
    public func open(_ bytes: [UInt8]) throws(Fault) -> LeaseMessage {
        guard bytes.count == Self.byteCount else { throw .malformed }
        var reader = ByteReader(bytes)
        guard let fixed = reader.take(8), let theirKey = reader.number(UInt32.self),
            let epoch = reader.number(UInt32.self).map(Epoch.init(rawValue:)), let number = reader.number(UInt64.self),
            fixed[...] == header(from: end.other, epoch).prefix(8)
        else { throw .malformed }
        guard theirKey == keyID else { throw .otherKey }
        guard
            let plaintext = opening.open(
                bytes[Self.headerByteCount...], associatedData: bytes[..<Self.headerByteCount])
        else { throw .unauthentic }
        guard epoch >= self.epoch else { throw .epochIsOver }
        guard epoch == self.epoch || end == .holder else { throw .epochIsAhead }
        guard let message = LeaseMessage(plaintext), message.holder == holder else { throw .malformed }
        guard seen.record(number) else { throw .repeated }
        self.epoch = epoch
        return message
    }

    /// Whom a datagram says that it is of, to find its channel; nobody believes it. nil for no sealed lease message.
    public static func holder(of bytes: some RandomAccessCollection<UInt8>) -> HolderID? {
        guard bytes.count == byteCount else { return nil }
        var reader = ByteReader(Array(bytes.prefix(headerByteCount)))
        guard reader.number(UInt16.self) == LeaseMessage.magic, reader.number(UInt8.self) == version,
            reader.number(UInt8.self) != nil
        else { return nil }
        return reader.number(UInt16.self).map(HolderID.init(rawValue:))
    }

    private func header(from end: End, _ epoch: Epoch) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerByteCount)
        bytes.append(bigEndian: LeaseMessage.magic)
        bytes += [Self.version, end.rawValue]
        bytes.append(bigEndian: holder.rawValue)
        bytes += [0, 0]
        bytes.append(bigEndian: keyID)
        bytes.append(bigEndian: epoch.rawValue)
        return bytes
    }

    /// Which numbers of the other end have come.
    struct Numbers {
        static let width: UInt64 = 64
        private var highest: UInt64 = 0
        /// Bit n stands for `highest` - n.
        private var bits: UInt64 = 0

        /// False for one that came before, or is too old to tell.
        mutating func record(_ number: UInt64) -> Bool {
            if number > highest {
                let step = number - highest
                bits = step < Self.width ? bits << step | 1 : 1
                highest = number
                return true
            }
            guard highest - number < Self.width, bits & (1 << (highest - number)) == 0 else { return false }
            bits |= 1 << (highest - number)
            return true
        }
    }
}

extension LeaseChannel.End {
    var other: LeaseChannel.End { self == .holder ? .sequencer : .holder }
}

internal import Associations
internal import Wire

/// What makes a datagram of the shadow link and opens it again: AES-256-GCM under keys that the cluster's key gives for
/// this pair of processes and this direction, so that no number is used twice under one key, whoever restarts.
///
/// ```
///  0        2     3      4           12       14    16                 32                  48         56
///  +--------+-----+------+-----------+--------+-----+------------------+-------------------+----------+------------
///  | 0x5653 | ver | kind |  key id   | holder |  0  | sender's process | receiver's (or 0) |  number  | body ...
///  +--------+-----+------+-----------+--------+-----+------------------+-------------------+----------+------------
///    all of it is associated data; body: IV 8 (the number), sealed, ICV 16; of a hello 16 bytes of a keyed hash
/// ```
struct ShadowSeal: Sendable {
    enum Kind: UInt8, Sendable {
        /// Target to router: here I am; there is no key for the pair yet.
        case hello = 1
        /// Router to target: one `ShadowEntry`. `number` is its place in the stream.
        case entry = 2
        /// Target to router: how far it got, and what it used.
        case report = 3
    }

    /// One datagram, its form checked, nothing of it believed.
    struct Datagram {
        var kind: Kind
        var holder: HolderID
        var sender, receiver: Incarnation
        var number: UInt64
        fileprivate var bytes: [UInt8]
        fileprivate var body: ArraySlice<UInt8> { bytes[ShadowSeal.headerByteCount...] }
    }

    static let headerByteCount = 56
    private static let magic: UInt16 = 0x5653
    private static let version: UInt8 = 1
    private static let helloCodeByteCount = 16
    static let nobody = Incarnation(bytes: [UInt8](repeating: 0, count: Incarnation.byteCount))

    private let clusterKey: SecretBytes
    private let helloKey: SecretBytes
    /// Says which key it is and nothing else of it: where keys differ, the reason can be named.
    private let keyID: UInt64

    init(clusterKey: SecretBytes) {
        self.clusterKey = clusterKey
        func derived(_ label: String) -> SecretBytes {
            PRF.prfsha256(.secret(clusterKey), [.open(Array(label.utf8))])
        }
        helloKey = derived("viaduct shadow link 1, hello")
        keyID = derived("viaduct shadow link 1, key id").part(0..<8).disclosed.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The key of one direction between two processes.
    struct Channel: Sendable {
        fileprivate let protection: IKEProtection
    }

    func channel(_ kind: Kind, router: Incarnation, target: Incarnation) -> Channel {
        let algorithm = ProtectionAlgorithm(.aes256gcm16)!
        let seed = Array("viaduct shadow link 1, ".utf8) + [kind.rawValue] + router.bytes + target.bytes
        return Channel(
            protection: IKEProtection(
                algorithm,
                encryptionKey: PRF.prfsha256.plus(
                    .secret(clusterKey), [.open(seed)], byteCount: algorithm.encryptionKeyByteCount),
                integrityKey: SecretBytes([])))
    }

    private func header(
        _ kind: Kind, _ holder: HolderID, from sender: Incarnation, to receiver: Incarnation, _ number: UInt64
    ) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: Self.magic)
        bytes += [Self.version, kind.rawValue]
        bytes.append(bigEndian: keyID)
        bytes.append(bigEndian: holder.rawValue)
        bytes += [0, 0] + sender.bytes + receiver.bytes
        bytes.append(bigEndian: number)
        return bytes
    }

    func hello(_ holder: HolderID, from sender: Incarnation) -> [UInt8] {
        let header = header(.hello, holder, from: sender, to: Self.nobody, 0)
        return header + helloCode(header)
    }

    private func helloCode(_ header: [UInt8]) -> [UInt8] {
        PRF.prfsha256(.secret(helloKey), [.open(header)]).part(0..<Self.helloCodeByteCount).disclosed
    }

    func isHello(_ datagram: Datagram) -> Bool {
        isSame(Array(datagram.body), helloCode(Array(datagram.bytes[..<Self.headerByteCount])))
    }

    /// Traps on a hello, which has no channel. The same number must seal the same plaintext again, or none.
    func seal(
        _ plaintext: [UInt8], _ kind: Kind, _ holder: HolderID, from sender: Incarnation, to receiver: Incarnation,
        number: UInt64, under channel: Channel
    ) -> [UInt8] {
        precondition(kind != .hello)
        let header = header(kind, holder, from: sender, to: receiver, number)
        return header + channel.protection.seal(plaintext, associatedData: header, number: number)
    }

    /// nil unless the holder of the cluster's key sealed it for this pair of processes.
    func open(_ datagram: Datagram, under channel: Channel) -> [UInt8]? {
        // The IV is the number again: otherwise a number could be told from another than the one that was sealed.
        guard datagram.body.prefix(8).elementsEqual(datagram.number.bigEndianBytes) else { return nil }
        return channel.protection.open(datagram.body, associatedData: datagram.bytes[..<Self.headerByteCount])
    }

    enum Fault: Error, Hashable {
        /// Not of this link, or of another version.
        case malformed
        /// Sealed under another cluster's key.
        case foreignKey
    }

    func read(_ bytes: [UInt8]) throws(Fault) -> Datagram {
        var reader = ByteReader(bytes)
        guard reader.number(UInt16.self) == Self.magic, reader.number(UInt8.self) == Self.version,
            let kind = reader.number(UInt8.self).flatMap(Kind.init(rawValue:)),
            let keyID = reader.number(UInt64.self), let holder = reader.number(UInt16.self),
            reader.number(UInt16.self) == 0, let sender = reader.take(Incarnation.byteCount),
            let receiver = reader.take(Incarnation.byteCount), let number = reader.number(UInt64.self),
            bytes.count - Self.headerByteCount >= Self.helloCodeByteCount
        else { throw .malformed }
        guard keyID == self.keyID else { throw .foreignKey }
        return Datagram(
            kind: kind, holder: HolderID(rawValue: holder), sender: Incarnation(bytes: sender),
            receiver: Incarnation(bytes: receiver), number: number, bytes: bytes)
    }
}

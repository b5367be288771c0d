import Associations
import CCrypto
import Wire

/// What is to be wrong with an ESP packet.
public struct ESPFault: Sendable {
    /// Padding bytes, in place of the fewest that align.
    public var padding: Int?
    /// The pad length that the trailer states, in place of the true one.
    public var statedPadding: UInt8?
    public var otherKey = false
    public init(padding: Int? = nil, statedPadding: UInt8? = nil, otherKey: Bool = false) {
        self.padding = padding
        self.statedPadding = statedPadding
        self.otherKey = otherKey
    }
}

/// An ESP packet under `association` (RFC 4303, RFC 4106), sealed by OpenSSL directly and laid out here by hand: the
/// packet path under test has no part in it.
public func esp(
    _ association: SecurityAssociation, number: UInt64, nextHeader: UInt8, _ payload: Bytes,
    fault: ESPFault = ESPFault()
) -> Bytes {
    let padding = fault.padding ?? (4 - (payload.count + 2) % 4) % 4
    let plaintext =
        payload + (0..<padding).map { UInt8(truncatingIfNeeded: $0 + 1) }
        + [fault.statedPadding ?? UInt8(padding), nextHeader]
    let header = bigEndian(association.spi.rawValue) + bigEndian(UInt32(truncatingIfNeeded: number))
    let iv = bigEndian(number)
    var key = association.key.withUnsafeBytes { Bytes($0) }
    if fault.otherKey { key[0] ^= 1 }
    let nonce = association.salt.withUnsafeBytes { Bytes($0) } + iv
    var ciphertext = Bytes(repeating: 0, count: plaintext.count)
    var icv = Bytes(repeating: 0, count: 16)
    let context = crypto_openssl_key_new(key, key.count)!
    defer { crypto_openssl_key_free(context) }
    let sealed = crypto_openssl_seal(context, plaintext, &ciphertext, plaintext.count, nonce, header, 8, &icv)
    precondition(sealed == 1)
    return header + iv + ciphertext + icv
}

/// An SA whose key and salt come from its SPI.
public func association(
    spi: UInt32 = 0xC000_0001, _ direction: Direction = .inbound, _ mode: Mode = .tunnel, from source: String,
    to destination: String, _ transform: Transform = .aes128gcm16, remote: String, local: String,
    protocol ipProtocol: UInt8? = nil, localPorts: [ClosedRange<UInt16>] = [], window: Int = 64
) -> SecurityAssociation {
    let key = (0..<transform.keyByteCount).map { UInt8(truncatingIfNeeded: UInt32($0 * 7) &+ spi) }
    return SecurityAssociation(
        name: "test-\(spi)", spi: SPI(rawValue: spi), direction: direction, mode: mode, source: address(source),
        destination: address(destination), transform: transform, key: SecretBytes(key),
        salt: SecretBytes([1, 2, 3, UInt8(truncatingIfNeeded: spi)]),
        selectors: TrafficSelectors(
            remote: [AddressRange(remote)!], local: [AddressRange(local)!], ipProtocol: ipProtocol,
            localPorts: localPorts),
        replayWindow: window)
}

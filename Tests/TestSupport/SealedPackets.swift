import Associations
import CCrypto
import Wire

/// What is to be wrong with an ESP packet.
public struct ESPFault: Sendable {
    /// Padding bytes, in place of the fewest that align; they must align with AES-CBC.
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

/// An ESP packet under `association` (RFC 4303 and the RFC of its transform), sealed by OpenSSL through what IKE uses and
/// laid out here by hand: the packet path under test has no part in it.
public func esp(
    _ association: SecurityAssociation, number: UInt64, nextHeader: UInt8, _ payload: Bytes,
    fault: ESPFault = ESPFault()
) -> Bytes {
    let alignment = association.transform.alignment
    let padding = fault.padding ?? (alignment - (payload.count + 2) % alignment) % alignment
    let plaintext =
        payload + (0..<padding).map { UInt8(truncatingIfNeeded: $0 + 1) }
        + [fault.statedPadding ?? UInt8(padding), nextHeader]
    let header = bigEndian(association.spi.rawValue) + bigEndian(UInt32(truncatingIfNeeded: number))
    var key = association.key.withUnsafeBytes { Bytes($0) }
    var authenticationKey = association.authenticationKey.withUnsafeBytes { Bytes($0) }
    if fault.otherKey {
        if key.isEmpty { authenticationKey[0] ^= 1 } else { key[0] ^= 1 }
        if !authenticationKey.isEmpty { authenticationKey[1] ^= 1 }
    }
    let salt = association.salt.withUnsafeBytes { Bytes($0) }
    return SealedPayload(
        transform: association.transform, hasESN: association.hasESN, key: key, salt: salt,
        authenticationKey: authenticationKey, header: header, number: number, plaintext: plaintext
    ).packet
}

/// Ciphertext and ICV, transform by transform.
struct SealedPayload {
    var transform: Transform
    /// The number's upper half is authenticated, too (RFC 4303 §2.2.1).
    var hasESN: Bool
    var key, salt, authenticationKey, header: Bytes
    var number: UInt64
    var plaintext: Bytes

    private var high: Bytes { hasESN ? bigEndian(UInt32(truncatingIfNeeded: number >> 32)) : [] }

    var packet: Bytes {
        // An AEAD has the upper half between SPI and lower half (RFC 4106 §5), an HMAC behind all else.
        let aad = Bytes(header.prefix(4)) + high + Bytes(header.suffix(4))
        let iv = bigEndian(number)
        let nonce = salt + iv
        switch transform.cipher {
        case .aes128gcm16, .aes192gcm16, .aes256gcm16, .chacha20poly1305:
            return header + iv + aead(nonce, aad, plaintext)
        case .aes128gmac, .aes192gmac, .aes256gmac:
            return header + iv + plaintext + aead(nonce, aad + iv + plaintext, [])
        case .null:
            return authenticated(header + plaintext)
        case .aes128ctr, .aes256ctr:
            let stream = (0..<(plaintext.count + 15) / 16).flatMap { block in
                cbc(key, iv: Bytes(repeating: 0, count: 16), nonce + bigEndian(UInt32(block + 1)))
            }
            return authenticated(header + iv + zip(plaintext, stream).map { $0 ^ $1 })
        case .aes128, .aes256:
            // As we make IVs (docs/transforms.md); a peer's may be any.
            let ivKey = Bytes(hmac(Int32(ike_sha256), key, Bytes("ESP CBC IV".utf8)).prefix(key.count))
            let zero = Bytes(repeating: 0, count: 16)
            let iv = cbc(ivKey, iv: zero, bigEndian(UInt64(0)) + bigEndian(number))
            return authenticated(header + iv + cbc(key, iv: iv, plaintext))
        }
    }

    private func aead(_ nonce: Bytes, _ aad: Bytes, _ text: Bytes) -> Bytes {
        let cipher =
            switch transform.cipher {
            case .chacha20poly1305: ike_chacha20_poly1305
            case .aes128gcm16, .aes128gmac: ike_aes128_gcm
            case .aes192gcm16, .aes192gmac: ike_aes192_gcm
            default: ike_aes256_gcm
            }
        var sealed = Bytes(repeating: 0, count: text.count + 16)
        let done = ike_aead_seal(Int32(cipher), key, nonce, aad, aad.count, text, text.count, &sealed)
        precondition(done == 1)
        return sealed
    }

    private func cbc(_ key: Bytes, iv: Bytes, _ text: Bytes) -> Bytes {
        var sealed = Bytes(repeating: 0, count: text.count)
        let cipher = key.count == 16 ? ike_aes128_cbc : ike_aes256_cbc
        precondition(ike_cbc(1, Int32(cipher), key, iv, text, text.count, &sealed) == 1)
        return sealed
    }

    private func hmac(_ hash: Int32, _ key: Bytes, _ message: Bytes) -> Bytes {
        let mac = ike_mac_new(hash, key, key.count)!
        defer { ike_mac_free(mac) }
        var code = Bytes(repeating: 0, count: 64)
        precondition(ike_mac_update(mac, message, message.count) == 1 && ike_mac_finish(mac, &code, code.count) == 1)
        return code
    }

    private func authenticated(_ message: Bytes) -> Bytes {
        let hash =
            switch transform.integrity! {
            case .sha1: ike_sha1
            case .sha256: ike_sha256
            case .sha384: ike_sha384
            case .sha512: ike_sha512
            }
        return message + hmac(Int32(hash), authenticationKey, message + high).prefix(transform.icvByteCount)
    }
}

/// An SA whose keys and salt come from its SPI.
public func association(
    spi: UInt32 = 0xC000_0001, _ direction: Direction = .inbound, _ mode: Mode = .tunnel, from source: String,
    to destination: String, _ transform: Transform = .aes128gcm16, remote: String, local: String,
    protocol ipProtocol: UInt8? = nil, localPorts: [ClosedRange<UInt16>] = [], window: Int = 64, hasESN: Bool = false
) -> SecurityAssociation {
    let key = (0..<transform.keyByteCount).map { UInt8(truncatingIfNeeded: UInt32($0 * 7) &+ spi) }
    let authenticationKey = (0..<transform.authenticationKeyByteCount).map {
        UInt8(truncatingIfNeeded: UInt32($0 * 11 + 5) &+ spi)
    }
    let salt = [1, 2, 3, UInt8(truncatingIfNeeded: spi)].prefix(transform.saltByteCount)
    var association = SecurityAssociation(
        name: "test-\(spi)", spi: SPI(rawValue: spi), direction: direction, mode: mode, source: address(source),
        destination: address(destination), transform: transform, key: SecretBytes(key), salt: SecretBytes(salt),
        selectors: TrafficSelectors(
            remote: [AddressRange(remote)!], local: [AddressRange(local)!], ipProtocol: ipProtocol,
            localPorts: localPorts),
        replayWindow: window, authenticationKey: SecretBytes(authenticationKey))
    association.hasESN = hasESN
    return association
}

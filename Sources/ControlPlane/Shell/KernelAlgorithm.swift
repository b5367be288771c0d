internal import Associations
internal import Wire

/// A transform as the kernel's crypto calls it (linux/xfrm.h: struct xfrm_algo, xfrm_algo_auth, xfrm_algo_aead).
struct KernelAlgorithm {
    let cipher: String
    /// Bits of the ICV of a cipher that authenticates by itself; nil of others.
    let combinedBits: Int?
    /// Name, and bits of the ICV; nil with a combined cipher.
    let integrity: (name: String, bits: Int)?

    init(_ transform: Transform) {
        cipher =
            switch transform.cipher {
            case .aes128gcm16, .aes192gcm16, .aes256gcm16: "rfc4106(gcm(aes))"
            case .aes128gmac, .aes192gmac, .aes256gmac: "rfc4543(gcm(aes))"
            case .chacha20poly1305: "rfc7539esp(chacha20,poly1305)"
            case .aes128, .aes256: "cbc(aes)"
            case .aes128ctr, .aes256ctr: "rfc3686(ctr(aes))"
            case .null: "ecb(cipher_null)"
            }
        let bits = transform.icvByteCount * 8
        combinedBits = transform.cipher.isCombined ? bits : nil
        integrity = transform.integrity.map { ("hmac(\($0.rawValue))", bits) }
    }

    /// Name 64, bits of the key 4, (bits of the ICV 4), key. A salt is the end of the key.
    func value(_ name: String, _ key: [UInt8], _ icvBits: Int?) -> [UInt8] {
        var value = NetlinkMessage(type: 0, flags: 0, sequence: 0)
        value.append(Array(name.utf8) + Array(repeating: 0, count: 64 - name.utf8.count))
        value.append(UInt32(key.count * 8))
        if let icvBits { value.append(UInt32(icvBits)) }
        value.append(key)
        return Array(value.bytes[NetlinkMessage.headerByteCount...])
    }
}

/// Where the kernel ends an SA: at the packet that finds them reached. `.max` for no end.
struct KernelLimits: Hashable {
    var bytes = UInt64.max
    var packets = UInt64.max
}

/// What may come in under an SA, as far as the kernel has words for it: one network a side, one port or a range that a mask can
/// name.
struct KernelSelector: Hashable, CustomStringConvertible {
    /// The mark of all that is ours: request identifier of states and templates, priority of policies.
    static let request: UInt32 = 7641
    static let byteCount = 56

    let remote: Prefix
    let local: Prefix
    let ipProtocol: UInt8
    private let remotePort: (port: UInt16, mask: UInt16)
    private let localPort: (port: UInt16, mask: UInt16)

    /// nil for selectors that need more than one of the kernel's.
    init?(_ selectors: TrafficSelectors) {
        let remotes = selectors.remote.flatMap(Prefix.covering)
        let locals = selectors.local.flatMap(Prefix.covering)
        guard remotes.count == 1, locals.count == 1, remotes[0].address.isV4 == locals[0].address.isV4,
            let remotePort = Self.port(selectors.remotePorts), let localPort = Self.port(selectors.localPorts)
        else { return nil }
        (remote, local) = (remotes[0], locals[0])
        (self.remotePort, self.localPort) = (remotePort, localPort)
        ipProtocol = selectors.ipProtocol ?? 0
    }

    private static func port(_ ranges: [ClosedRange<UInt16>]) -> (port: UInt16, mask: UInt16)? {
        guard let range = ranges.first else { return (0, 0) }
        let span = range.upperBound - range.lowerBound
        guard ranges.count == 1, span & (span &+ 1) == 0, range.lowerBound & span == 0 else { return nil }
        return (range.lowerBound, ~span)
    }

    /// Of an inbound packet.
    var bytes: [UInt8] {
        var value = NetlinkMessage(type: 0, flags: 0, sequence: 0)
        value.appendWide(local.address)
        value.appendWide(remote.address)
        for number in [localPort.port, localPort.mask, remotePort.port, remotePort.mask] {
            value.append(number.bigEndian)
        }
        value.append(UInt16(local.address.family))
        value.append([local.length, remote.length, ipProtocol, 0, 0, 0])
        value.append(UInt32(0))
        value.append(UInt32(0))
        return Array(value.bytes[NetlinkMessage.headerByteCount...])
    }

    var description: String { "\(remote) to \(local)" }

    static func == (a: KernelSelector, b: KernelSelector) -> Bool { a.bytes == b.bytes }
    func hash(into hasher: inout Hasher) { hasher.combine(bytes) }
}

/// What the kernel asks of packets that match: an SA to this address.
struct KernelPolicy: Hashable {
    var selector: KernelSelector
    var destination: IPAddress
    var isTunnel: Bool
}

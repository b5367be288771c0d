public import Wire

/// What NAT_DETECTION_SOURCE_IP and NAT_DETECTION_DESTINATION_IP carry (RFC 7296 §2.23):
/// SHA-1 of SPIi | SPIr | address | port, 20 bytes. A fingerprint of an address, not a protection of anything.
enum AddressHash {
    static func of(_ endpoint: SocketAddress, initiatorSPI: IKESPI, responderSPI: IKESPI) -> [UInt8] {
        var octets = initiatorSPI.bytes + responderSPI.bytes + endpoint.address.bytes
        octets.append(bigEndian: endpoint.port)
        return Digest.sha1(octets)
    }
}

extension IPAddress {
    /// Four or sixteen bytes, as on the wire.
    public var bytes: [UInt8] {
        var bytes: [UInt8] = []
        if isV4 {
            bytes.append(bigEndian: v4)
        } else {
            bytes.append(bigEndian: high)
            bytes.append(bigEndian: low)
        }
        return bytes
    }
}

/// What the hashes said of the way between the ends.
public struct NATFinding: Sendable, Hashable {
    /// Our own address, or port, is another one to the peer.
    public var isBeforeUs: Bool
    /// The peer's is another one to us.
    public var isBeforePeer: Bool

    public var isFound: Bool { isBeforeUs || isBeforePeer }

    static let none = NATFinding(isBeforeUs: false, isBeforePeer: false)
}

extension NATFinding {
    /// From an IKE_SA_INIT message of the peer's, which came over `path`. A peer without the notifications knows no NAT
    /// traversal, and nothing is said of NAT.
    init(_ payloads: [IKEPayload], header: IKEHeader, path: Path) {
        func misses(_ type: NotifyType, _ endpoint: SocketAddress) -> Bool {
            let told = payloads.notifications.filter { $0.type == type }
            let seen = AddressHash.of(
                endpoint, initiatorSPI: header.initiatorSPI, responderSPI: header.responderSPI)
            return !told.isEmpty && !told.contains { $0.data == seen }
        }
        isBeforeUs = misses(.natDetectionDestinationIP, path.local)
        isBeforePeer = misses(.natDetectionSourceIP, path.remote)
    }

    /// What we send for the peer to compare with.
    static func notifications(path: Path, initiatorSPI: IKESPI, responderSPI: IKESPI) -> [IKEPayload] {
        [
            .notify(
                NotifyPayload(
                    .natDetectionSourceIP,
                    data: AddressHash.of(path.local, initiatorSPI: initiatorSPI, responderSPI: responderSPI))),
            .notify(
                NotifyPayload(
                    .natDetectionDestinationIP,
                    data: AddressHash.of(path.remote, initiatorSPI: initiatorSPI, responderSPI: responderSPI))),
        ]
    }
}

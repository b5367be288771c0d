import Associations
import ControlPlane
import Crypto
import Dispatch
import Foundation
import Synchronization
import Wire
import XCF

/// A server on this thread, clients on another one: each takes its events when it is nudged, as control threads do.
final class Ends {
    let server: LinkServer
    private(set) var connections: [LinkConnection] = []
    private let clients: [LinkClient]
    private let nudge = DispatchSemaphore(value: 0)
    private let over = Flag()
    private var applied: [LinkConnection: UInt64] = [:]
    private let folder: String

    init(clients count: Int) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "linkbench-\(UUID().uuidString)").path
        let names = (0..<count).map { "t\($0)" }
        _ = try ClusterFiles(directory: folder, cluster: "bench", nodes: ["router1"] + names).make()
        let wrapping = Self.wrapping
        let (serverNudge, clientNudge) = (nudge, DispatchSemaphore(value: 0))
        server = try LinkServer(
            listen: SocketAddress(address: IPAddress("127.0.0.1")!, port: 0),
            credentials: LinkCredentials(directory: folder, node: "router1"), members: names, wrapping: wrapping,
            nudge: { serverNudge.signal() })
        let (address, folder) = (server.address, folder)
        let clients = try names.map { name in
            try LinkClient(
                router: address, routerName: "router1",
                credentials: LinkCredentials(directory: folder, node: name), wrapping: wrapping,
                nudge: { clientNudge.signal() })
        }
        self.clients = clients
        let over = over
        Thread.detachNewThread { Self.answer(clients, clientNudge, until: over) }
        while connections.count < count {
            take()
            if connections.count < count { _ = nudge.wait(timeout: .now() + 1) }
        }
    }

    /// AES-256-GCM, as the cluster's key ring does it.
    private static var wrapping: LinkWrapping {
        let key = SymmetricKey(size: .bits256)
        return LinkWrapping(
            wrap: { bytes, context in
                Array(try! AES.GCM.seal(bytes, using: key, authenticating: Array(context.rawValue.utf8)).combined!)
            },
            unwrap: { bytes, context in
                (try? AES.GCM.SealedBox(combined: bytes)).flatMap {
                    try? Array(AES.GCM.open($0, using: key, authenticating: Array(context.rawValue.utf8)))
                }
            })
    }

    /// An SA as IKE makes one.
    private static let association = SecurityAssociation(
        name: "branch", spi: SPI(rawValue: 256), direction: .inbound, mode: .tunnel,
        source: IPAddress("198.51.100.10")!, destination: IPAddress("198.51.100.1")!, transform: .aes256gcm16,
        key: SecretBytes([UInt8](repeating: 7, count: 32)), salt: SecretBytes([1, 2, 3, 4]),
        selectors: TrafficSelectors(
            remote: [AddressRange("10.71.0.0/24")!], local: [AddressRange("10.72.0.0/24")!]),
        replayWindow: 64)

    static func install(_ number: UInt32) -> ShadowEntry {
        var association = association
        association.spi = SPI(rawValue: 256 + number)
        return .install(association)
    }

    private func take() {
        for event in server.takeEvents() {
            switch event {
            case .joined(_, let connection): connections.append(connection)
            case .message(_, let connection, .report(let report)): applied[connection] = report.applied
            case .left(let member, _, let end): LinkBench.fail("\(member) left: \(end)")
            case .refused(let refused): LinkBench.fail("\(refused)")
            case .message: break
            }
        }
    }

    func waitForReports(upTo number: UInt64) {
        while true {
            take()
            if connections.allSatisfy({ applied[$0, default: 0] >= number }) { return }
            nudge.wait()
        }
    }

    private static func answer(_ clients: [LinkClient], _ clientNudge: DispatchSemaphore, until over: Flag) {
        while !over.isSet.withLock({ $0 }) {
            _ = clientNudge.wait(timeout: .now() + 1)
            for (index, client) in clients.enumerated() {
                var applied: UInt64?
                for event in client.takeEvents() {
                    switch event {
                    case .connected:
                        _ = client.send(
                            .hello(
                                MemberMessage.Hello(
                                    member: "t\(index)", incarnation: 1, epoch: Epoch(rawValue: 1), policyHash: [],
                                    transforms: [])))
                    case .message(_, .entries(let first, let entries)): applied = first + UInt64(entries.count) - 1
                    case .message, .unreadable, .disconnected: break
                    }
                }
                guard let applied else { continue }
                var report = MemberMessage.Report()
                report.applied = applied
                _ = client.send(.report(report))
            }
        }
    }

    func stop() {
        over.isSet.withLock { $0 = true }
        for client in clients { client.stop() }
        server.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }
}

/// Set once, by one thread for another.
private final class Flag: Sendable {
    let isSet = Mutex(false)
}

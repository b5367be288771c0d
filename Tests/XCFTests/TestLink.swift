import Associations
import ControlPlane
import Foundation
import Synchronization
import Testing
import Wire

@testable import XCF

/// One after the other: each has threads, sockets and deadlines of its own.
@Suite(.serialized) enum LinkTests {}

/// A folder that goes with the last who holds it.
final class Folder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "viaduct-xcf-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

/// Rests between two questions until the answer is yes, or the deadline has come. Off the pool of async tasks, which gRPC
/// needs.
func eventually(within seconds: Double = 20, _ condition: @escaping @Sendable () -> Bool) async -> Bool {
    await elsewhere {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while Date() < deadline {
            if condition() { return true }
            usleep(2000)
        }
        return condition()
    }
}

/// Lets others run for a moment.
func eventuallyMore() { usleep(2000) }

/// Runs `body` on a thread of its own.
func elsewhere<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}

extension LinkWrapping {
    /// Wraps nothing away, but for the context, so that tests see what would be seen.
    static let plain = LinkWrapping(
        wrap: { bytes, context in Array(context.rawValue.utf8) + [0] + bytes },
        unwrap: { bytes, context in
            let head = Array(context.rawValue.utf8) + [0]
            return bytes.starts(with: head) ? Array(bytes.dropFirst(head.count)) : nil
        })
}

/// A cluster of one router and some targets, on loopback.
final class TestLink: Sendable {
    let folder: Folder
    let members: [String]
    static let loopback = SocketAddress(address: IPAddress("127.0.0.1")!, port: 0)

    init(_ members: [String] = ["t1"]) throws {
        folder = try Folder()
        self.members = members
        _ = try ClusterFiles(directory: folder.path, cluster: "test", nodes: ["router1"] + members).make()
    }

    func credentials(_ node: String) throws -> LinkCredentials {
        try LinkCredentials(directory: folder.path, node: node)
    }

    func server(port: UInt16 = 0) throws -> TestServer {
        try TestServer(
            SocketAddress(address: Self.loopback.address, port: port), credentials("router1"), members)
    }

    func client(_ member: String, of server: TestServer) throws -> TestClient {
        try TestClient(server.link.address, credentials(member))
    }
}

/// A server whose events are kept for the test to look at.
final class TestServer: Sendable {
    let link: LinkServer
    private let seen = Mutex<[LinkServer.Event]>([])

    init(
        _ listen: SocketAddress, _ credentials: LinkCredentials, _ members: [String],
        facility: ServedFacility? = nil, outgoingBytes: Int = LinkBounds.outgoingBytes
    ) throws {
        link = try LinkServer(
            listen: listen, credentials: credentials, members: members, wrapping: .plain, facility: facility,
            outgoingBytes: outgoingBytes, nudge: {})
    }

    deinit { link.stop() }

    var events: [LinkServer.Event] {
        seen.withLock { seen in
            seen += link.takeEvents()
            return seen
        }
    }

    /// Of a member, all that it had.
    func connections(_ member: String) -> [LinkConnection] {
        events.compactMap { event in
            guard case .joined(member, let connection) = event else { return nil }
            return connection
        }
    }

    func messages(_ member: String) -> [MemberMessage] {
        events.compactMap { event in
            guard case .message(member, _, let message) = event else { return nil }
            return message
        }
    }

    func ends(_ member: String) -> [LinkEnd] {
        events.compactMap { event in
            guard case .left(member, _, let end) = event else { return nil }
            return end
        }
    }

    var refusals: [LinkFault] {
        events.compactMap { event in
            guard case .refused(let refused) = event else { return nil }
            return refused.fault
        }
    }
}

final class TestClient: Sendable {
    let link: LinkClient
    private let seen = Mutex<[LinkClient.Event]>([])

    init(
        _ router: SocketAddress, _ credentials: LinkCredentials, routerName: String = "router1",
        outgoingBytes: Int = LinkBounds.outgoingBytes
    ) throws {
        link = try LinkClient(
            router: router, routerName: routerName, credentials: credentials, wrapping: .plain,
            outgoingBytes: outgoingBytes, nudge: {})
    }

    deinit { link.stop() }

    var events: [LinkClient.Event] {
        seen.withLock { seen in
            seen += link.takeEvents()
            return seen
        }
    }

    var connectionCount: Int {
        events.count { if case .connected = $0 { true } else { false } }
    }

    var messages: [RouterMessage] {
        events.compactMap { event in
            guard case .message(_, let message) = event else { return nil }
            return message
        }
    }

    /// Numbers of the entries that came, in order.
    var entryNumbers: [UInt64] {
        messages.flatMap { message -> [UInt64] in
            guard case .entries(let first, let entries) = message else { return [] }
            return Array(first..<first + UInt64(entries.count))
        }
    }

    var ends: [LinkEnd] {
        events.compactMap { event in
            guard case .disconnected(let end) = event else { return nil }
            return end
        }
    }
}

extension MemberMessage.Hello {
    static func sample(_ member: String) -> Self {
        Self(
            member: member, incarnation: 7, epoch: Epoch(rawValue: 3), policyHash: Array(repeating: 9, count: 32),
            transforms: ["aes256gcm16"])
    }
}

extension RouterMessage.Welcome {
    static var sample: Self {
        Self(
            version: 1, incarnation: 5, epoch: Epoch(rawValue: 3), reportInterval: 200,
            leaseKey: SecretBytes(Array(0..<32)))
    }
}

extension ShadowEntry {
    static func removal(_ number: UInt32) -> Self { .remove(SPI(rawValue: 256 + number), .inbound) }
}

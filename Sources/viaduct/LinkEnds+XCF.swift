import ControlPlane
import XCF

/// The router's end of the link, in the control plane's words.
struct RouterLinkEnd: RouterLink {
    let server: LinkServer

    func takeEvents() -> [RouterLinkEvent] {
        server.takeEvents().map { event in
            switch event {
            case .joined(let member, let connection): .joined(member: member, connection)
            case .message(_, let connection, let message): .message(connection, message)
            case .left(_, let connection, let end): .left(connection, why: "\(end)")
            case .refused(let refused): .turnedAway("\(refused)")
            }
        }
    }

    func send(_ message: RouterMessage, to connection: LinkConnection) -> Bool { server.send(message, to: connection) }
    func close(_ connection: LinkConnection) { server.close(connection) }
    var counts: [String: UInt64] { server.report.byName }
    func stop() { server.stop() }
}

/// A target's end.
struct MemberLinkEnd: MemberLink {
    let client: LinkClient

    func takeEvents() -> [MemberLinkEvent] {
        client.takeEvents().map { event in
            switch event {
            case .connected: .connected
            case .message(_, let message): .message(message)
            case .unreadable(_, _, let key): .unreadable(key)
            case .disconnected(let end): .disconnected(why: "\(end)")
            }
        }
    }

    func send(_ message: MemberMessage) -> Bool { client.send(message) }
    func disconnect() { client.reconnect() }
    var counts: [String: UInt64] { client.report.byName }
    func stop() { client.stop() }
}

extension LinkReport {
    fileprivate var byName: [String: UInt64] { Dictionary(uniqueKeysWithValues: counts.map { ($0.name, $0.count) }) }
}

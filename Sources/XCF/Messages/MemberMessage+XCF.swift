internal import Associations
internal import ControlPlane
internal import Foundation
internal import SwiftProtobuf
internal import Wire

extension XCFFromMember {
    /// Traps when a list is longer than `LinkBounds` says.
    init(_ message: MemberMessage) {
        switch message {
        case .hello(let hello): self.hello = XCFHello(hello)
        case .report(let report): self.report = XCFReport(report)
        case .leaving(let why): leaving = .with { $0.why = String(why.prefix(LinkBounds.textBytes / 4)) }
        }
    }

    /// nil for what this build does not know.
    func message() throws(LinkFault) -> MemberMessage? {
        switch says {
        case .hello(let hello): .hello(try hello.value())
        case .report(let report): .report(try report.value())
        case .leaving(let leaving): .leaving(try bounded(leaving.why))
        case nil: nil
        }
    }
}

/// Texts and lists of the peer's are bounded, whatever a message may hold.
private func bounded(_ text: String) throws(LinkFault) -> String {
    guard text.utf8.count <= LinkBounds.textBytes else { throw .unreadable }
    return text
}

extension XCFHello {
    fileprivate init(_ hello: MemberMessage.Hello) {
        version = hello.version
        member = hello.member
        incarnation = hello.incarnation
        epoch = hello.epoch.rawValue
        policyHash = Data(hello.policyHash)
        transforms = hello.transforms
    }

    fileprivate func value() throws(LinkFault) -> MemberMessage.Hello {
        guard policyHash.count <= 64, transforms.count <= 64 else { throw .unreadable }
        var transforms: [String] = []
        for name in self.transforms { transforms.append(try bounded(name)) }
        return MemberMessage.Hello(
            version: version, member: try bounded(member), incarnation: incarnation, epoch: Epoch(rawValue: epoch),
            policyHash: Array(policyHash), transforms: transforms)
    }
}

extension XCFReport {
    fileprivate init(_ report: MemberMessage.Report) {
        precondition(
            [
                report.refusals.count, report.usage.count, report.connections.count, report.services.count,
                report.verified.count, report.peers.count,
            ].allSatisfy { $0 <= LinkBounds.reportedItems })
        applied = report.applied
        refusals = report.refusals.map { refusal in
            .with {
                $0.spi = refusal.key.spi.rawValue
                $0.direction = XCFDirection(refusal.key.direction)
                $0.reason = UInt32(refusal.reason.rawValue)
            }
        }
        usage = report.usage.map { usage in
            .with {
                $0.spi = usage.spi.rawValue
                $0.direction = XCFDirection(usage.direction)
                $0.packets = usage.packets
                $0.bytes = usage.bytes
            }
        }
        connections = report.connections.map(XCFConnectionSeen.init)
        omittedConnections = report.omittedConnections
        services = report.services.map { service in
            .with {
                $0.service = service.service
                $0.isListening = service.isListening
                $0.queued = service.queued
                $0.backlog = service.backlog
            }
        }
        probe = report.probe
        if let weight = report.weight { self.weight = UInt32(weight) }
        verified = report.verified.map { part in
            .with {
                $0.spi = part.spi.rawValue
                $0.highest = part.highest
                $0.words = part.words
            }
        }
        peers = report.peers.map { peer in
            .with {
                $0.spi = peer.spi.rawValue
                $0.number = peer.number
                $0.address = Data(peer.address.shortBytes)
                $0.port = UInt32(peer.port)
            }
        }
    }

    /// An item of a kind that is not known is passed over, one with a value that cannot be is a fault.
    fileprivate func value() throws(LinkFault) -> MemberMessage.Report {
        guard
            [refusals.count, usage.count, connections.count, services.count, verified.count, peers.count].allSatisfy({
                $0 <= LinkBounds.reportedItems
            }), weight <= UInt32(UInt16.max)
        else { throw .unreadable }
        var report = MemberMessage.Report()
        report.applied = applied
        for refusal in refusals {
            guard let direction = refusal.direction.value else { continue }
            // A reason that came later than this build is still a refusal.
            let reason = UInt8(exactly: refusal.reason).flatMap(ShadowRefusal.init(rawValue:)) ?? .unreadable
            report.refusals.append(
                MemberMessage.Refusal(
                    key: ShadowEntry.Key(spi: SPI(rawValue: refusal.spi), direction: direction), reason: reason))
        }
        for item in usage {
            guard let direction = item.direction.value else { continue }
            report.usage.append(
                AssociationUsage(
                    spi: SPI(rawValue: item.spi), direction: direction, packets: item.packets, bytes: item.bytes))
        }
        for item in connections {
            if let event = try item.value() { report.connections.append(event) }
        }
        report.omittedConnections = omittedConnections
        for item in services {
            report.services.append(
                MemberMessage.ServiceReport(
                    service: try bounded(item.service), isListening: item.isListening, queued: item.queued,
                    backlog: item.backlog))
        }
        report.probe = probe
        report.weight = hasWeight ? UInt16(weight) : nil
        for item in verified {
            guard item.words.count <= VerifiedNumbers.wordLimit else { throw .unreadable }
            report.verified.append(
                VerifiedNumbers(spi: SPI(rawValue: item.spi), highest: item.highest, words: item.words))
        }
        for item in peers {
            guard let address = IPAddress(shortBytes: item.address), let port = UInt16(exactly: item.port), port > 0
            else { throw .unreadable }
            report.peers.append(
                PeerSighting(spi: SPI(rawValue: item.spi), number: item.number, address: address, port: port))
        }
        return report
    }
}

extension XCFConnectionSeen {
    fileprivate init(_ event: ConnectionEvent) {
        let name = event.connection
        remote = Data(name.remote.shortBytes)
        local = Data(name.local.shortBytes)
        remotePort = UInt32(name.remotePort)
        localPort = UInt32(name.localPort)
        ipProtocol = UInt32(name.ipProtocol)
        kind = event.kind == .opened ? .opened : .closed
    }

    fileprivate func value() throws(LinkFault) -> ConnectionEvent? {
        guard let remote = IPAddress(shortBytes: remote), let local = IPAddress(shortBytes: local),
            let remotePort = UInt16(exactly: remotePort), let localPort = UInt16(exactly: localPort),
            let ipProtocol = UInt8(exactly: ipProtocol)
        else { throw .unreadable }
        let name = ConnectionName(
            remote: remote, local: local, remotePort: remotePort, localPort: localPort, ipProtocol: ipProtocol)
        return switch kind {
        case .opened: ConnectionEvent(name, .opened)
        case .closed: ConnectionEvent(name, .closed)
        case .unspecified, .UNRECOGNIZED: nil
        }
    }
}

extension XCFDirection {
    fileprivate init(_ direction: Direction) { self = direction == .inbound ? .inbound : .outbound }

    fileprivate var value: Direction? {
        switch self {
        case .inbound: .inbound
        case .outbound: .outbound
        case .unspecified, .UNRECOGNIZED: nil
        }
    }
}

extension IPAddress {
    /// 4 bytes of IPv4, 16 of IPv6.
    fileprivate var shortBytes: [UInt8] {
        func bytes(_ number: UInt64, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64(count - 1 - $0))) }
        }
        return isV4 ? bytes(UInt64(v4), 4) : bytes(high, 8) + bytes(low, 8)
    }

    fileprivate init?(shortBytes bytes: Data) {
        func number(_ bytes: Data) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
        switch bytes.count {
        case 4: self.init(v4: UInt32(number(bytes)))
        case 16: self.init(high: number(bytes.prefix(8)), low: number(bytes.suffix(8)))
        default: return nil
        }
    }
}

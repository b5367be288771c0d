import Associations
import Commands
import ControlPlane
import Foundation
import Testing
import Wire

/// Against the kernel's own sockets, in a namespace.
@Suite struct ListenerWatchTests {
    private static let dvipa = IPAddress("10.72.0.10")!

    private func service(
        _ name: String, _ ports: ClosedRange<UInt16>..., ipProtocol: UInt8 = 6, at address: IPAddress = Self.dvipa
    ) -> Service {
        Service(name: name, dvipa: address, ipProtocol: ipProtocol, ports: ports, targets: ["t1"])
    }

    private func report(
        _ name: String, _ isListening: Bool, queued: UInt32 = 0, backlog: UInt32 = 0
    ) -> MemberMessage.ServiceReport {
        MemberMessage.ServiceReport(service: name, isListening: isListening, queued: queued, backlog: backlog)
    }

    /// A bound socket; a TCP one listens with the backlog. Traps when the kernel refuses.
    private static func bound(
        _ address: String, _ port: UInt16, stream: Bool = true, backlog: Int32 = 8, onlyV6: Bool = false
    ) -> Int32 {
        let kind = Int32((stream ? SOCK_STREAM : SOCK_DGRAM).rawValue)
        let file: Int32
        if address.contains(":") {
            file = socket(AF_INET6, kind, 0)
            var only: Int32 = onlyV6 ? 1 : 0
            precondition(setsockopt(file, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &only, 4) == 0)
            var form = sockaddr_in6()
            form.sin6_family = sa_family_t(AF_INET6)
            form.sin6_port = port.bigEndian
            precondition(inet_pton(AF_INET6, address, &form.sin6_addr) == 1)
            precondition(
                withUnsafeBytes(of: &form) {
                    bind(file, $0.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t($0.count))
                } == 0)
        } else {
            file = socket(AF_INET, kind, 0)
            var form = form(address, port)
            precondition(
                withUnsafeBytes(of: &form) {
                    bind(file, $0.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t($0.count))
                } == 0)
        }
        if stream { precondition(listen(file, backlog) == 0) }
        return file
    }

    private static func form(_ address: String, _ port: UInt16) -> sockaddr_in {
        var form = sockaddr_in()
        form.sin_family = sa_family_t(AF_INET)
        form.sin_port = port.bigEndian
        precondition(inet_pton(AF_INET, address, &form.sin_addr) == 1)
        return form
    }

    /// Without waiting for the answer.
    private static func connected(_ address: String, _ port: UInt16) -> Int32 {
        let file = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var form = form(address, port)
        _ = withUnsafeBytes(of: &form) {
            connect(file, $0.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t($0.count))
        }
        return file
    }

    private func prepared() throws -> NetworkNamespace {
        let namespace = try NetworkNamespace()
        try namespace.ip("link set lo up")
        try namespace.ip("address add 10.72.0.10/32 dev lo")
        try namespace.ip("address add 10.72.0.11/32 dev lo")
        return namespace
    }

    @Test func aServiceIsServedWhenSomebodyListensAtAllOfItsPorts() throws {
        try prepared().inside {
            let services = [
                service("web", 80...80, 443...443), service("range", 8000...8002), service("other", 90...90),
                service("dns", 53...53, ipProtocol: 17), service("ping", 0...65535, ipProtocol: 1),
            ]
            var watch = try ListenerWatch(services: services, interface: 0)
            func listening() throws -> [Bool] { try watch.reports().map(\.isListening) }
            #expect(try listening() == [false, false, false, false, true])
            var files = [Self.bound("10.72.0.10", 80)]
            #expect(try listening() == [false, false, false, false, true])
            files.append(Self.bound("0.0.0.0", 443))
            #expect(try listening() == [true, false, false, false, true])
            for port in 8000...8002 as ClosedRange<UInt16> { files.append(Self.bound("0.0.0.0", port)) }
            // Another address, and the right port with the wrong protocol.
            files.append(Self.bound("10.72.0.11", 90))
            files.append(Self.bound("0.0.0.0", 90, stream: false))
            #expect(try listening() == [true, true, false, false, true])
            files.append(Self.bound("10.72.0.10", 53, stream: false))
            #expect(try listening() == [true, true, false, true, true])
            close(files.removeFirst())
            #expect(try listening() == [false, true, false, true, true])
            for file in files { close(file) }
            #expect(try listening() == [false, false, false, false, true])
        }
    }

    @Test func theWildcardOfIPv6TakesIPv4UnlessItIsToldNotTo() throws {
        try prepared().inside {
            let sixth = IPAddress("2001:db8::10")!
            var watch = try ListenerWatch(
                services: [service("four", 80...80), service("six", 80...80, at: sixth)], interface: 0)
            for (address, onlyV6, expected) in [
                ("::", false, [true, true]), ("::", true, [false, true]), ("::1", false, [false, false]),
                ("::ffff:10.72.0.10", false, [true, false]), ("0.0.0.0", false, [true, false]),
            ] {
                let file = Self.bound(address, 80, onlyV6: onlyV6)
                #expect(try watch.reports().map(\.isListening) == expected, "\(address)")
                close(file)
            }
        }
    }

    @Test func connectionsThatWaitToBeAcceptedAreCounted() throws {
        try prepared().inside {
            var watch = try ListenerWatch(services: [service("web", 80...81)], interface: 0)
            let quiet = Self.bound("10.72.0.10", 80, backlog: 100)
            let busy = Self.bound("10.72.0.10", 81, backlog: 4)
            #expect(
                try watch.reports() == [report("web", true, queued: 0, backlog: 100)]
                    || watch.reports() == [report("web", true, queued: 0, backlog: 4)])
            var clients = (0..<3).map { _ in Self.connected("10.72.0.10", 81) }
            #expect(try eventually { try watch.reports() == [report("web", true, queued: 3, backlog: 4)] })
            let accepted = accept(busy, nil, nil)
            #expect(accepted >= 0)
            #expect(try eventually { try watch.reports() == [report("web", true, queued: 2, backlog: 4)] })
            clients += (0..<10).map { _ in Self.connected("10.72.0.10", 81) }
            #expect(try eventually { try watch.reports()[0].queued >= 4 })
            for file in clients + [accepted, quiet, busy] { close(file) }
        }
    }

    /// More than one datagram of the kernel's.
    @Test func manyListenersAreAllSeen() throws {
        try prepared().inside {
            // Each a range of its own, so that each is asked for.
            let ports = (20_000...20_599 as ClosedRange<UInt16>).map { $0...$0 }
            var service = service("many", 20_000...20_599)
            service.ports = ports
            var watch = try ListenerWatch(services: [service], interface: 0)
            let files = (20_000...20_599 as ClosedRange<UInt16>).map { Self.bound("0.0.0.0", $0) }
            #expect(try watch.reports() == [report("many", true, backlog: 8)])
            close(files[300])
            #expect(try watch.reports() == [report("many", false, backlog: 8)])
            for (index, file) in files.enumerated() where index != 300 { close(file) }
        }
    }
}

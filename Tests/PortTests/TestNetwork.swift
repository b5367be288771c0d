import CBPF
import Commands
import Foundation
import XDPProgram

/// Three network namespaces in a row, gone when the value is:
///
///     client: far0 --- router: client0, trusted0 --- target: far0
final class TestNetwork: Sendable {
    let client: String
    let router: String
    let target: String

    init(queues: Int = 1, mtu: Int = 1500) throws {
        Self.sweep()
        let base = "vpt-\(getpid())-\(String(UInt32.random(in: 0...0xFF_FFFF), radix: 36))"
        (client, router, target) = (base + "-c", base + "-r", base + "-t")
        for name in [client, router, target] { try run("ip", "netns", "add", name) }
        try join(client, "far0", router, "client0", queues: queues, mtu: mtu)
        try join(router, "trusted0", target, "far0", queues: queues, mtu: mtu)
    }

    deinit {
        for name in [client, router, target] { _ = try? run("ip", "netns", "del", name) }
    }

    private func join(_ a: String, _ aName: String, _ b: String, _ bName: String, queues: Int, mtu: Int) throws {
        let count = String(queues)
        try run(
            "ip", "link", "add", aName, "netns", a, "numrxqueues", count, "numtxqueues", count, "type", "veth",
            "peer", "name", bName, "netns", b, "numrxqueues", count, "numtxqueues", count)
        for (namespace, name) in [(a, aName), (b, bName)] {
            try run("ip", "netns", "exec", namespace, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            try run("ip", "-n", namespace, "link", "set", name, "mtu", String(mtu), "up")
        }
    }

    /// Deletes what killed runs have left: namespaces of ours whose process is gone.
    private static func sweep() {
        let names = (try? run("ip", "netns", "list")) ?? ""
        for line in names.split(separator: "\n") {
            let name = line.prefix { $0 != " " }
            let parts = name.split(separator: "-")
            guard parts.count == 4, parts[0] == "vpt", let process = pid_t(parts[1]),
                kill(process, 0) != 0, errno == ESRCH
            else { continue }
            _ = try? run("ip", "netns", "del", String(name))
        }
    }

    /// Attaches an XDP program as a careless process leaves it behind: to the interface itself, without a link. Called
    /// inside the namespace.
    func attachForeignProgram(to interface: String) throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "\(router).bpf.o")
        try Data(XDPProgram.object).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        try run("ip", "link", "set", interface, "xdpdrv", "object", file.path, "program", "pass")
    }

    /// The interface has an XDP program.
    func hasProgram(_ interface: String, in namespace: String) throws -> Bool {
        try run("ip", "-n", namespace, "-d", "link", "show", interface).contains("prog/xdp")
    }
}

/// Runs `body` inside a network namespace: the calling thread enters it and comes back. The body cannot suspend, and
/// its expectations belong to the test that calls.
func inNamespace<Result: ~Copyable>(_ name: String, _ body: () throws -> Result) throws -> Result {
    let home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
    guard home >= 0, machine_enter_network_namespace("/run/netns/\(name)") == 0 else {
        throw CommandFailed(description: "entering \(name): errno \(errno)")
    }
    defer {
        // A thread that stayed there would run other tests in the wrong place.
        precondition(machine_enter_network_namespace("/proc/self/fd/\(home)") == 0)
        close(home)
    }
    return try body()
}

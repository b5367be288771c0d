import Associations
import Configuration
import ControlPlane
import FastPath
import Foundation
import Wire
import XCF

/// The control plane of a target: the link to the router, and what comes over it for the packet path.
extension Member {
    /// nil when the configuration has no `link`.
    func targetControl(_ target: TargetNode, desk: HostDesk) throws -> TargetControl? {
        guard let link = try cluster.linkClient(of: node.name) else { return nil }
        let hello = MemberMessage.Hello(
            member: node.name, incarnation: .random(in: 1 ... .max), epoch: cluster.epoch,
            policyHash: cluster.policyHash, transforms: MemberMessage.Hello.words(for: target.transforms))
        let services = ServiceWatch(
            services: cluster.services.filter { $0.targets.contains(node.name) }, device: Self.deviceName)
        var hooks = TargetControl.Hooks(
            link: link, apply: { desk.publish($0) }, protect: { desk.protect($0, in: $1) },
            report: { Self.report(of: desk, services, leads: target.weight == .led) }, log: { Log.say($0) })
        hooks.rounds = { desk.roundCount }
        hooks.withdraw = { why in Self.takeOut("target", because: why, end: desk.end) { false } }
        return try TargetControl(hello, hooks: hooks)
    }

    private static func report(of desk: HostDesk, _ services: ServiceWatch, leads: Bool) -> MemberMessage.Report {
        let seen = desk.takeSeen()
        var report = MemberMessage.Report()
        report.usage = Array(seen.usage.values)
        report.connections = seen.connections
        report.omittedConnections = seen.omittedConnections
        report.probe = seen.probe
        report.verified = Array(seen.verified.values)
        report.peers = Array(seen.peers.values)
        report.services = services.reports
        if leads { report.weight = room }
        return report
    }

    /// nil where the kernel does not say how busy it is: the weight stays what it was.
    private static var room: UInt16? {
        guard let line = try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8),
            let load = MachineRoom.load(line)
        else { return nil }
        return MachineRoom.weight(processors: ProcessInfo.processInfo.activeProcessorCount, load: load)
    }
}

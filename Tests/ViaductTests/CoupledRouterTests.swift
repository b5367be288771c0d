import ArgumentParser
import Associations
import Configuration
import ControlPlane
import FastPath
import Foundation
import Synchronization
import Testing
import Wire

@testable import viaduct

/// Routers and their coupling facility as the program wires them: without packets, on loopback addresses of their own.
@Suite(.serialized) struct CoupledRouterTests {
    private let cluster: TestCluster

    init() throws { cluster = try TestCluster() }

    @Test func aSecondRouterReachesTheFirstOnesFacilityOverTheLink() async throws {
        let first = try TestRouter(cluster, "router1")
        #expect(await eventually { first.coupling.service.report.epoch == Epoch(rawValue: 1) })
        let second = try #require(try cluster.member("router2").couplingEnd())
        #expect(second.served == nil)
        let place = second.service.report.place
        #expect(place == "embedded at router1, \(cluster.address):4520")
        second.tell {}
        #expect(await eventually { second.service.takeEvents().contains { $0.holder == "router1" } })
        // Its own file is not made, and it does not own what another owns.
        #expect(second.service.report.isConnected && second.service.report.epoch == nil)
        await elsewhere { second.stop() }
        await elsewhere { first.stop() }
    }

    @Test func anOrderlyStopGivesBackWhatWasNeverGranted() async throws {
        for _ in 0..<2 {
            let router = try TestRouter(cluster, "router1")
            #expect(await eventually { cluster.mark == 1 + 1 << 20 })
            await elsewhere { router.stop() }
            #expect(cluster.mark == 1)
        }
        // One that cannot write any more burns its step, whatever its file says.
        let router = try TestRouter(cluster, "router1")
        #expect(await eventually { cluster.mark == 1 + 1 << 20 })
        await elsewhere { router.coupling.stop() }
        await elsewhere { router.stop() }
        #expect(cluster.mark == 1)
        let next = try TestRouter(cluster, "router1")
        #expect(await eventually { cluster.mark == 1 + 2 << 20 })
        await elsewhere { next.stop() }
    }

    @Test func theKeyIsReadAgainOnDemand() async throws {
        let router = try TestRouter(cluster, "router1")
        #expect(await eventually { cluster.mark == 1 + 1 << 20 })
        let former = try cluster.keyID
        // The former one must be kept.
        try cluster.changeKey(keepingFormer: false)
        let refusal = await elsewhere { router.member.rotateKey(router.coupling) }
        #expect(refusal.contains("the present key \(former) is neither clusterKey nor among formerClusterKeys"))
        try cluster.keepFormer()
        let present = try cluster.keyID
        let answer = await elsewhere { ask("rotate-key", router) }
        #expect(answer == "ok 1 values are wrapped anew under key \(present)")
        // Again it is nothing new.
        let again = await elsewhere { ask("rotate-key", router) }
        #expect(again == "ok 0 values are wrapped anew under key \(present)")
        try FileManager.default.removeItem(atPath: cluster.folder + "/link/cluster.key")
        let missing = await elsewhere { ask("rotate-key", router) }
        #expect(missing.contains("cluster.key cannot be read"))
        await elsewhere { router.stop() }
        #expect(router.member.rotateKey(nil) == "this router keeps nothing in a coupling facility")
    }

    private func ask(_ line: String, _ router: TestRouter) -> String {
        ControlSocket.answer(line, router.control, targets: []) { router.member.rotateKey(router.coupling) }
    }
}

extension CouplingService.Event {
    fileprivate var holder: String? {
        guard case .written(.heldBy(let name)) = self else { return nil }
        return name
    }
}

/// Files of a cluster with two routers, as `viaduct cluster init` makes them.
private final class TestCluster: Sendable {
    let folder = FileManager.default.temporaryDirectory.appending(path: "viaduct-coupled-\(UUID().uuidString)").path
    /// So that the usual ports are free.
    let address = "127.\(Int.random(in: 1...254)).\(Int.random(in: 0...255)).\(Int.random(in: 1...254))"
    private var file: String { folder + "/cluster.yaml" }
    private var key: String { folder + "/link/cluster.key" }
    private var formerKey: String { folder + "/link/former.key" }

    init() throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try write()
        try ClusterInitCommand.parse(["--config", file, "--directory", folder + "/link"]).run()
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ more: String = "") throws {
        let yaml = """
            cluster: demo
            clusterKey: \(key)
            stateDirectory: \(folder)/state
            link: {credentials: \(folder)/link}
            nodes:
              router1: {role: router, clientInterface: lo, trustedInterface: lo, trustedAddress: \(address)}
              router2: {role: router, clientInterface: lo, trustedInterface: lo, trustedAddress: 127.0.0.1}
              t1: {role: target, trustedAddress: 192.0.2.11}
            gateways: [198.51.100.1]
            dvipas: [{address: 10.72.0.10, services: [{protocol: tcp, ports: [80]}]}]
            securityAssociations:
              - name: out
                spi: 0xc472877a
                direction: outbound
                mode: tunnel
                source: 198.51.100.1
                destination: 198.51.100.10
                algorithm: aes128gcm16
                key: "3fc6ed52d8fee80f4a899a69b992b327"
                salt: "16274504"
                selectors: {remote: [10.71.0.0/24], local: [10.72.0.0/24]}
            \(more)
            """
        try yaml.write(toFile: file, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: file)
    }

    func member(_ name: String) throws -> Member {
        let cluster = try ClusterConfiguration.load(path: file, for: name)
        // Signals stay as they were for this thread and its children.
        var mask = sigset_t()
        pthread_sigmask(SIG_SETMASK, nil, &mask)
        let termination = Termination()
        pthread_sigmask(SIG_SETMASK, &mask, nil)
        return Member(
            cluster: cluster, node: try cluster.node(named: name), statusFile: nil, controlSocket: nil,
            termination: termination)
    }

    /// How far the one SA's numbers are reserved, by its file; nil while there is none.
    var mark: UInt64? {
        let state = folder + "/state"
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: state),
            let name = names.first(where: { $0.hasSuffix(".reserved") }),
            let text = try? String(contentsOfFile: state + "/" + name, encoding: .utf8)
        else { return nil }
        return text.split(separator: "\n").first { $0.hasPrefix("reserved ") }.flatMap { UInt64($0.dropFirst(9)) }
    }

    var keyID: String {
        get throws { "\(try #require(ClusterConfiguration.load(path: file).keyRing).current)" }
    }

    func changeKey(keepingFormer: Bool) throws {
        try FileManager.default.moveItem(atPath: key, toPath: formerKey)
        try (String(repeating: "5a", count: 32) + "\n").write(toFile: key, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
        if keepingFormer { try keepFormer() }
    }

    func keepFormer() throws { try write("formerClusterKeys: [\(formerKey)]") }
}

/// What `viaduct run` makes of a router but for its packet path.
private final class TestRouter: Sendable {
    let member: Member
    let coupling: CouplingEnd
    let control: RouterControl
    private let sequencer: SequencerService

    init(_ cluster: TestCluster, _ name: String) throws {
        let member = try cluster.member(name)
        self.member = member
        coupling = try #require(try member.couplingEnd())
        let marks = try CoupledMarks(member, isCoupled: true)
        let address = try #require(IPAddress(cluster.address))
        sequencer = try member.sequencerService(at: address, marks, coupling)
        control = try #require(
            try member.routerControl(
                at: address, desk: WorkerDesks(count: 1, associationCapacity: 64), sequencer: sequencer, coupling,
                marks, nil, withdraw: { _ in }))
        marks.control.value = control
    }

    /// In the order of `viaduct run`.
    func stop() {
        control.stop()
        sequencer.stop()
        coupling.stop()
    }
}

/// Off the pool of async tasks, which those need that are waited for.
private func elsewhere<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread { continuation.resume(returning: body()) }
    }
}

private func eventually(_ condition: @escaping @Sendable () -> Bool) async -> Bool {
    await elsewhere {
        let deadline = Date(timeIntervalSinceNow: 60)
        while Date() < deadline {
            if condition() { return true }
            usleep(2000)
        }
        return condition()
    }
}

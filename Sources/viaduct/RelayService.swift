import Associations
import Configuration
import ControlPlane
import FastPath
import Synchronization
import Wire

/// The router's relay (docs/relay.md): nothing but a pipe until a target comes that lacks a transform. Then it is a
/// member of its own, in this process: it gets the SAs and their grants as targets do, leases numbers like one, and has
/// a thread for its packets and one for its control plane.
final class RelayService: Sendable {
    private struct State: ~Copyable {
        var receiver: RelayReceiver?
        var control: TargetControl?
        var thread: ServiceThread?
        var desk: HostDesk?
        var failure: String?
    }

    private let cluster: ClusterConfiguration
    private let name: String
    private let trustedAddress: IPAddress
    /// Between it and the control plane.
    let link: LocalLink
    private let state: Mutex<State>

    init(_ member: Member, trustedAddress: IPAddress, receiver: consuming RelayReceiver?) {
        cluster = member.cluster
        name = member.node.name
        self.trustedAddress = trustedAddress
        link = LocalLink(member: name)
        state = Mutex(State(receiver: receiver))
    }

    /// Once; later calls do nothing.
    func start() {
        state.withLock { state in
            guard state.failure == nil, let receiver = state.receiver.take() else { return }
            do {
                let raw = try RawIPSocket(ipProtocol: 47)
                let socket = try UDPSocket(bind: SocketAddress(address: trustedAddress, port: 0))
                let desk = try HostDesk()
                let control = try control(desk)
                let numbers = LeasedSequences(
                    [], socket: socket, sequencer: SocketAddress(address: trustedAddress, port: cluster.leases.port),
                    protection: .sealed)
                let intake = ShadowIntake(
                    holder: cluster.relayHolder,
                    leaseTiming: LeaseHolder.Timing(validity: cluster.leases.validityNanoseconds)
                ) { control.applied($0, refusals: $1) }
                (state.desk, state.control) = (desk, control)
                let loop = LoopBox(
                    RelayLoop(
                        relay: Relay(trustedAddress: trustedAddress, targets: cluster.targets.map(\.trustedAddress)),
                        host: try packetPath(), raw: raw, pipe: receiver, numbers: .leased(numbers), shadow: intake))
                state.thread = try ServiceThread(name: "relay") { _ in loop.run(desk) }
                Log.say("\(name): the relay begins")
            } catch {
                state.failure = "\(error)"
                Log.warn("the relay cannot begin: \(error)")
            }
        }
    }

    private func packetPath() throws -> FastPath.Host {
        var configuration = HostConfiguration(
            ingress: .direct, addresses: cluster.dvipas + cluster.gateways, dvipas: cluster.dvipas)
        configuration.associationCapacity = cluster.associationRoom
        // Connections are the targets' to follow.
        configuration.connectionCapacity = 1
        configuration.verification = Verification(cluster.verification)
        var host = FastPath.Host(configuration)
        try host.apply(.epoch(cluster.epoch))
        return host
    }

    private func control(_ desk: HostDesk) throws -> TargetControl {
        let hello = MemberMessage.Hello(
            member: name, incarnation: .random(in: 1 ... .max), epoch: cluster.epoch, policyHash: cluster.policyHash,
            transforms: MemberMessage.Hello.words(for: Transform.allCases))
        let link = link
        return try TargetControl(
            hello,
            hooks: TargetControl.Hooks(
                link: { link.join(nudge: $0) }, apply: { desk.publish($0) }, protect: { desk.protect($0, in: $1) },
                report: {
                    var report = MemberMessage.Report()
                    report.usage = Array(desk.takeSeen().usage.values)
                    return report
                }, log: { Log.say("relay: \($0)") }))
    }

    /// nil before it has begun.
    var report: HostReport? { state.withLock { $0.desk?.latestReport } }
    /// Why it could not begin.
    var failure: String? { state.withLock { $0.failure } }

    /// Waits until its threads have ended.
    func stop() {
        let (thread, control, desk) = state.withLock { state in
            // Without it nothing begins any more.
            state.receiver = nil
            return (state.thread, state.control, state.desk)
        }
        desk?.end()
        thread?.stop()
        control?.stop()
    }

    /// Carries the loop to its thread.
    private final class LoopBox: Sendable {
        private let loop: Mutex<RelayLoop?>
        init(_ loop: consuming sending RelayLoop) { self.loop = Mutex(loop) }

        func run(_ desk: HostDesk) {
            loop.withLock { loop in loop?.run(desk) }
        }
    }
}

extension ClusterConfiguration {
    /// As which the relay leases numbers: behind the targets.
    var relayHolder: HolderID { HolderID(place: targets.count) }
}

import ControlPlane
import Credentials
import Foundation
import ProcessMeter
import Synchronization
import Wire
import Workload

/// The responder in memory: IKE_SA_INIT, IKE_AUTH and one Child SA, no sockets. A batch of clients speaks, then the
/// responder answers them all, and only its answering is timed. A certificate's judgement is timed, too.
struct Handshakes {
    private let ends: Ends
    private let passes: Int
    private let batch: Int
    /// Whether certificates are judged; what counts instructions cannot have threads.
    private let isJudging: Bool
    private var now: UInt64 = 1_000_000_000

    init(_ options: Options) throws {
        ends = try Ends(options.proof, folder: options["folder"], clients: options.number("clients", 1))
        passes = options.number("passes", 9)
        batch = options.number("batch", 200)
        isJudging = options["judge"] != "no"
    }

    func run() throws {
        var samples: [Double] = []
        for pass in 0...passes {
            let seconds = try onePass()
            // The first makes what is made once.
            if pass > 0 { samples.append(seconds / Double(batch) * 1e6) }
        }
        let name = "ike/responder/\(ends.proof.rawValue)"
        try Figure(name: "\(name)/memory/cpu", value: samples.median, unit: "µs/handshake", samples: samples).record()
        try Figure(name: "\(name)/memory", value: 1e6 / samples.median, unit: "handshakes/s/core").record()
        print(
            "\(batch) handshakes established; \(Int(samples.median)) µs each (\(Int(samples.min()!)) to",
            "\(Int(samples.max()!))), \(Int(1e6 / samples.median)) a second and core")
    }

    private func onePass() throws -> Double {
        var responder = Responder(ends.responder, at: now)
        var clients = try (0..<batch).map { number in
            Client(
                try ends.client(number), gatewayKey: ends.gatewayKey,
                over: Path(
                    local: SocketAddress(address: IPAddress(v4: 0x0A00_0001 + UInt32(number)), port: 500),
                    remote: Responder.address))
        }
        var said = clients.indices.map { clients[$0].start(at: now) }
        var seconds = 0.0
        while said.contains(where: { !$0.isEmpty }) {
            var answers: [[[UInt8]]] = Array(repeating: [], count: batch)
            var verdicts: [(Int, PeerSessions.ID, CertificateVerdict)] = []
            let begin = process_seconds()
            for (number, datagrams) in said.enumerated() {
                let path = Path(local: Responder.address, remote: clients[number].path.local)
                for (bytes, _) in datagrams { answers[number] += responder.answer(bytes, over: path, at: now) }
                for (id, certificate) in responder.takeQuestions() {
                    verdicts.append((number, id, isJudging ? judge(certificate) : ends.verdict(on: number)))
                }
            }
            for (number, id, verdict) in verdicts { answers[number] += responder.judged(verdict, for: id, at: now) }
            seconds += process_seconds() - begin
            for number in clients.indices {
                said[number] = answers[number].flatMap { bytes in
                    clients[number].receive(bytes, over: clients[number].path, at: now)
                }
            }
        }
        guard responder.established == batch, clients.allSatisfy(\.session.isEstablished) else {
            IKEBench.fail(
                "not all established: \(responder.sessions.counts) \(clients.compactMap(\.failure).first ?? "")")
        }
        return seconds
    }

    /// As the router does it, on a thread of Swift's own.
    private func judge(_ certificate: PeerCertificate) -> CertificateVerdict {
        let verdict = Mutex<CertificateVerdict>(.refused("nobody judged"))
        let isDone = DispatchSemaphore(value: 0)
        let judge = ends.judge!
        Task {
            let found = await judge.judge(certificate, at: Int64(Date().timeIntervalSince1970))
            verdict.withLock { $0 = found }
            isDone.signal()
        }
        isDone.wait()
        return verdict.withLock { $0 }
    }
}

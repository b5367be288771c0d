import Associations
import Workload

extension ScaleBench {
    private static let sizes = [40, 512, 1_400]
    private static let rounds = 31

    private static func store(_ inner: Int) -> PacketStore {
        PacketStore(Scenario(associations: 1, connections: 64, innerByteCount: inner))
    }

    /// A target's opening and sealing, beside the bare ciphers over the same packets, in turns.
    static func host() throws {
        let bed = FrameBed()
        for inner in sizes {
            let store = store(inner)
            let peer = store.cluster.peers[0]
            var opening = try HostPath(.open, peer.association)
            var bare = BarePath(.open, peer, espOffset: PacketStore.espOffsetInGRE, inner: inner)
            try contest("host/open/\(inner)B", bed, store.framesInGRE, &opening, &bare)

            var outbound = peer.association
            outbound.turn()
            var sealing = try HostPath(.seal, outbound)
            var bareSeal = BarePath(.seal, peer, espOffset: 0, inner: inner)
            try contest("host/seal/\(inner)B", bed, store.answers, &sealing, &bareSeal)
        }
    }

    /// The router's whole path beside what its ciphers alone would take: the hash over a packet, and the blocks it looks into.
    static func verify() throws {
        let bed = FrameBed()
        for inner in sizes {
            let store = store(inner)
            var router = try RouterPath(store, verifies: true)
            bed.begin(store, in: &router)
            var bare = BarePath(.verify, store.cluster.peers[0], espOffset: PacketStore.espOffset, inner: inner)
            try contest("router/beside-ciphers/\(inner)B", bed, store.frames, &router, &bare)
        }
    }

    private static func contest<Path: PacketPath & ~Copyable>(
        _ name: String, _ bed: borrowing FrameBed, _ frames: PacketStore.Frames, _ path: inout Path,
        _ bare: inout BarePath
    ) throws {
        var (samples, others): ([Double], [Double]) = ([], [])
        for round in -1..<rounds {
            let pair = (bed.time(frames, through: &path), bed.time(frames, through: &bare))
            if round < 0 { continue }
            samples.append(pair.0)
            others.append(pair.1)
        }
        let peer = figure("bare/\(name)", others)
        try report([figure(name, samples, beside: peer, others), peer])
    }

    /// AES-CBC with HMAC at the router: batches of 64, which go through the multi-buffer library's jobs together, beside
    /// batches of one.
    static func chained() throws {
        let bed = FrameBed()
        let transforms = [
            ("aes128-sha256", Transform(.aes128, .sha256)!),
            ("aes256-sha512", Transform(.aes256, .sha512)!),
        ]
        for (name, transform) in transforms {
            for inner in sizes {
                let store = store(inner)
                let peer = store.cluster.peers[0].association
                let association = SecurityAssociation(
                    name: name, spi: peer.spi, direction: .inbound, mode: .tunnel, source: peer.source,
                    destination: peer.destination, transform: transform,
                    key: secret(transform.keyByteCount), salt: SecretBytes([]), selectors: peer.selectors,
                    replayWindow: 64, authenticationKey: secret(transform.authenticationKeyByteCount))
                let (openings, frames) = try store.sealed(under: association)
                var router = try RouterPath([association], connections: 64)
                bed.begin(openings, in: &router)
                var (together, alone): ([Double], [Double]) = ([], [])
                for round in -1..<15 {
                    let pair = (bed.time(frames, through: &router), bed.time(frames, batch: 1, through: &router))
                    if round < 0 { continue }
                    together.append(pair.0)
                    alone.append(pair.1)
                }
                let peerFigure = figure("router/verified/\(name)/\(inner)B/one-at-a-time", alone)
                try report([
                    figure("router/verified/\(name)/\(inner)B", together, beside: peerFigure, alone), peerFigure,
                ])
            }
        }
    }

    private static func secret(_ count: Int) -> SecretBytes {
        SecretBytes((0..<count).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) })
    }
}

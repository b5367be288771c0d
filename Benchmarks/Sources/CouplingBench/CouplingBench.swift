import Associations
import ControlPlane
import CouplingFacilities
import Foundation
import Synchronization
import Wire

/// What the coupling facility costs: `CouplingBench embedded DIRECTORY | etcd PORT [SAs]`. One line of JSON each: committing and
/// listing so many SAs, bytes of one, and the time of one durable reservation by itself.
@main struct CouplingBench {
    static func main() async throws {
        let words = CommandLine.arguments.dropFirst()
        guard words.count >= 2, let kind = words.first else {
            print("usage: CouplingBench embedded DIRECTORY | etcd PORT [SAs]")
            exit(2)
        }
        let place = words[words.startIndex + 1]
        let count = words.count > 2 ? Int(words[words.startIndex + 2]) ?? 100_000 : 100_000
        let facility: any CouplingFacility =
            kind == "etcd"
            ? try EtcdFacility(endpoints: [EtcdEndpoint(isTLS: false, host: "127.0.0.1", port: UInt16(place)!)])
            : try EmbeddedFacility(path: place + "/coupling.sqlite")
        let clock = ContinuousClock()
        let keys = CouplingKeys(cluster: "bench")!
        let rung = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let service = CouplingService(
            facility: facility, keys: keys, member: "router1",
            ring: KeyRing(current: SecretBytes([UInt8](repeating: 1, count: 32))),
            nudge: { rung.continuation.yield() })
        service.start()
        var nudges = rung.stream.makeAsyncIterator()
        var owned: ContinuousClock.Instant?
        var last: UInt64 = 0
        func take() {
            for event in service.takeEvents() {
                if case .written(.owner) = event { owned = clock.now }
                if case .written(.done(let ticket)) = event { last = ticket }
            }
        }
        while owned == nil {
            _ = await nudges.next()
            take()
        }

        let start = clock.now
        for number in 1...count {
            let change = CouplingChange.store(association(UInt32(1000 + number)))
            while !service.submit(change, ticket: UInt64(number)) {
                _ = await nudges.next()
                take()
            }
        }
        while last < count {
            _ = await nudges.next()
            take()
        }
        report(kind, "commit of \(count) SAs", seconds: clock.now - start)

        let listing = clock.now
        let entries = try await facility.list(keys.associations).entries
        report(kind, "listing of \(count) SAs", seconds: clock.now - listing)
        let bytes = entries.reduce(0) { $0 + $1.key.utf8.count + $1.value.count }
        print(
            "{\"facility\": \"\(kind)\", \"what\": \"bytes of an SA, key and value\", \"bytes\": \(bytes / entries.count)}"
        )

        var times: [Duration] = []
        let sequence = SequenceKey(spi: SPI(rawValue: 999), fingerprint: "3f9a77d2")
        for number in 1...200 {
            let asked = clock.now
            let ticket = UInt64(count + number)
            _ = service.submit(.reserve(sequence, mark: UInt64(number)), ticket: ticket)
            while last < ticket {
                _ = await nudges.next()
                take()
            }
            times.append(clock.now - asked)
        }
        report(kind, "a durable reservation, median of 200", seconds: times.sorted()[100])
        report(kind, "a durable reservation, 99 of 100", seconds: times.sorted()[198])

        let again = clock.now
        await service.stop()
        owned = nil
        let next = CouplingService(
            facility: facility, keys: keys, member: "router2",
            ring: KeyRing(current: SecretBytes([UInt8](repeating: 1, count: 32))),
            nudge: { rung.continuation.yield() })
        next.start()
        while owned == nil {
            _ = await nudges.next()
            for event in next.takeEvents() { if case .written(.owner) = event { owned = clock.now } }
        }
        report(kind, "takeover with \(count) SAs unwrapped", seconds: owned! - again)
        await next.stop()
        await facility.close()
    }

    static func report(_ kind: String, _ what: String, seconds: Duration) {
        let value = Double(seconds.components.seconds) + Double(seconds.components.attoseconds) / 1e18
        print("{\"facility\": \"\(kind)\", \"what\": \"\(what)\", \"seconds\": \(value)}")
    }

    static func association(_ spi: UInt32) -> SecurityAssociation {
        SecurityAssociation(
            name: "branch", spi: SPI(rawValue: spi), direction: .inbound, mode: .tunnel,
            source: IPAddress("198.51.100.10")!, destination: IPAddress("198.51.100.1")!, transform: .aes256gcm16,
            key: SecretBytes([UInt8](repeating: 7, count: 32)), salt: SecretBytes([1, 2, 3, 4]),
            selectors: TrafficSelectors(
                remote: [AddressRange("10.71.0.0/24")!], local: [AddressRange("10.72.0.0/24")!]),
            replayWindow: 64)
    }
}

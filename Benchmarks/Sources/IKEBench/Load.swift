import ControlPlane
import Foundation
import Glibc
import Wire

/// Initiators over UDP against somebody else's process: `slots` at a time, each from an address of its own
/// (10.99.0.0/16, which the namespace must have), one handshake after another until all are done.
struct Load {
    private let ends: Ends
    private let responder: IPAddress
    private let handshakes: Int
    private var slots: [LoadSlot] = []
    private let clock = MonotonicClock()

    init(_ options: Options) throws {
        ends = try Ends(options.proof, folder: options["folder"], clients: options.number("clients", 1))
        guard let address = options["responder"].flatMap({ IPAddress($0) }) else { IKEBench.fail("responder=ADDRESS") }
        responder = address
        handshakes = options.number("handshakes", 2000)
        let first = options.number("first", 1)
        for number in 0..<options.number("slots", 32) {
            slots.append(try LoadSlot(at: IPAddress(v4: 0x0A63_0000 + UInt32(first + number))))
        }
    }

    /// Prints a line of JSON: how many were established, in how many seconds, and what went wrong.
    func run() throws {
        var slots = slots
        var begun = 0
        var established = 0
        var failures: [String: Int] = [:]
        var milliseconds: [Double] = []
        var places: [Int32: Int] = [:]
        for (place, slot) in slots.enumerated() {
            for descriptor in slot.descriptors { places[descriptor] = place }
        }
        var entries = places.keys.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        let begin = clock.now

        func next(_ place: Int) throws {
            guard begun < handshakes else { return slots[place].rest() }
            try slots[place].start(
                try ends.client(begun), gatewayKey: ends.gatewayKey, responder: responder, at: clock.now)
            begun += 1
        }
        func look(_ place: Int) throws {
            guard let outcome = slots[place].outcome(at: clock.now) else { return }
            switch outcome {
            case .established(let nanoseconds):
                established += 1
                milliseconds.append(Double(nanoseconds) / 1e6)
            case .failed(let reason): failures[reason, default: 0] += 1
            }
            try next(place)
        }
        for place in slots.indices { try next(place) }
        var tickAt = clock.now
        while slots.contains(where: \.isBusy) {
            _ = poll(&entries, nfds_t(entries.count), 50)
            for entry in entries where entry.revents != 0 {
                let place = places[entry.fd]!
                try slots[place].read(entry.fd, at: clock.now)
                try look(place)
            }
            if clock.now >= tickAt {
                tickAt = clock.now + 50_000_000
                for place in slots.indices {
                    try slots[place].tick(at: clock.now)
                    try look(place)
                }
            }
        }
        milliseconds.sort()
        let report: [String: Any] = [
            "established": established, "seconds": Double(clock.now - begin) / 1e9, "failures": failures,
            "repeated": slots.map(\.repetitions).reduce(0, +),
            "median": milliseconds.isEmpty ? 0 : milliseconds[milliseconds.count / 2],
            "slowest": milliseconds.last ?? 0,
        ]
        print(String(decoding: try JSONSerialization.data(withJSONObject: report), as: UTF8.self))
    }

    /// A first message: whoever sends it with other SPIs from other addresses is many peers.
    static func printOpening() throws {
        let ends = try Ends(.psk, folder: nil)
        let path = Path(
            local: SocketAddress(address: IPAddress("10.99.0.1")!, port: 500), remote: Responder.address)
        var client = Client(try ends.client(0), gatewayKey: [], over: path)
        let bytes = client.start(at: 0)[0].bytes
        print(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())
    }
}

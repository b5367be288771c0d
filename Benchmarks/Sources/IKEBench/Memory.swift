import ControlPlane
import Foundation
import ProcessMeter
import Wire
import Workload

/// What sessions hold, and whether rekeys leave anything behind.
enum Memory {
    /// A responder with that many peers, each with an IKE SA and a Child SA.
    static func ofSessions(_ count: Int) throws {
        let ends = try Ends(.psk, folder: nil)
        var now: UInt64 = 1_000_000_000
        // What is made once is made before.
        var warm = Responder(ends.responder, at: now)
        try establish(0..<10, at: &now, with: &warm, ends)

        let resident = Double(process_resident())
        let allocated = Double(process_allocated())
        var responder = Responder(ends.responder, at: now)
        try establish(0..<count, at: &now, with: &responder, ends)
        let perSession = (Double(process_allocated()) - allocated) / Double(count)
        let residentPerSession = (Double(process_resident()) - resident) / Double(count)
        guard responder.established == count else { IKEBench.fail("only \(responder.established) are established") }
        let place = "ike/memory/\(count)sessions"
        try Figure(name: "\(place)/allocated", value: perSession, unit: "bytes/session").record()
        try Figure(name: "\(place)/resident", value: residentPerSession, unit: "bytes/session").record()
        print("\(count) sessions: \(Int(perSession)) bytes each by malloc, \(Int(residentPerSession)) resident")
        withExtendedLifetime(warm) {}
    }

    private static func establish(
        _ numbers: Range<Int>, at now: inout UInt64, with responder: inout Responder, _ ends: Ends
    ) throws {
        for number in numbers {
            var client = Client(
                try ends.client(number), gatewayKey: [],
                over: Path(
                    local: SocketAddress(address: IPAddress(v4: 0x0A00_0001 + UInt32(number)), port: 500),
                    remote: Responder.address))
            now += 20_000
            converse(client.start(at: now), of: &client, with: &responder, at: now)
            guard client.session.isEstablished else { IKEBench.fail("client \(number): \(client.failure ?? "?")") }
        }
    }

    private static func converse(
        _ opening: [(bytes: [UInt8], path: Path)], of client: inout Client, with responder: inout Responder,
        at now: UInt64
    ) {
        let path = Path(local: Responder.address, remote: client.path.local)
        var saying = opening
        while !saying.isEmpty {
            let answers = saying.flatMap { responder.answer($0.bytes, over: path, at: now) }
            saying = answers.flatMap { client.receive($0, over: client.path, at: now) }
        }
    }

    /// One session: that many rekeys of its Child SA, and of its IKE SA after every tenth.
    static func ofRekeys(_ count: Int) throws {
        let ends = try Ends(.psk, folder: nil)
        var now: UInt64 = 1_000_000_000
        var responder = Responder(ends.responder, at: now)
        var client = Client(
            try ends.client(0), gatewayKey: [],
            over: Path(
                local: SocketAddress(address: IPAddress("10.0.0.1")!, port: 500), remote: Responder.address))
        converse(client.start(at: now), of: &client, with: &responder, at: now)
        func rekey(_ times: Int) {
            for number in 1...times {
                now += 100_000_000
                converse(client.rekeyChild(at: now), of: &client, with: &responder, at: now)
                if number % 10 == 0 { converse(client.rekey(at: now), of: &client, with: &responder, at: now) }
                _ = client.tick(at: now)
                _ = responder.tick(at: now)
                guard client.children.count == 1, client.session.isEstablished else {
                    IKEBench.fail("rekey \(number): \(client.children.count) Child SAs; \(client.failure ?? "")")
                }
            }
        }
        rekey(5000)
        let resident = Double(process_resident())
        let allocated = Double(process_allocated())
        rekey(count)
        let more = Double(process_allocated()) - allocated
        let moreResident = Double(process_resident()) - resident
        try Figure(name: "ike/memory/rekeys/allocated", value: more / Double(count), unit: "bytes/rekey").record()
        try Figure(name: "ike/memory/rekeys/resident", value: moreResident / Double(count), unit: "bytes/rekey")
            .record()
        print(
            "\(count) rekeys of a Child SA, \(count / 10) of its IKE SA: \(Int(resident) / 1024) KiB resident before,",
            "\(Int(resident + moreResident) / 1024) after; \(Int(more)) bytes more by malloc")
    }
}

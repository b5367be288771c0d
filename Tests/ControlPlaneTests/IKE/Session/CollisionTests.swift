import Foundation
import Testing

@testable import ControlPlane

/// All orders in which two exchanges can cross, with losses, copies and timers that run early (RFC 7296 §2.8.1, §2.8.2,
/// §2.25). Not chosen by hand: every node that can be reached is visited once.
@Suite struct CollisionTests {
    /// At any moment of the other's.
    static let starts: [[Collision.Start]] = Collision.Command.allCases.flatMap { one in
        Collision.Command.allCases.flatMap { other in
            [
                [Collision.Start(end: .initiator, command: one), .init(end: .responder, command: other)],
                [Collision.Start(end: .initiator, command: one), .init(end: .initiator, command: other)],
            ]
        }
    }

    static let changing: [Collision.Command] = [.rekeyChild, .rekeyIKE, .deleteChild, .close]

    /// What the search may do to datagrams and timers along one way. Two take minutes: VIADUCT_SEARCH_FAULTS=2.
    static let faults = ProcessInfo.processInfo.environment["VIADUCT_SEARCH_FAULTS"].flatMap { Int($0) } ?? 1

    /// Two exchanges, and the nonces that decide between them come out both ways.
    @Test(arguments: starts) func everyOrderEndsWell(_ starts: [Collision.Start]) throws {
        let isDecidedByNonces = Set(starts.map(\.command)).count == 1 && Set(starts.map(\.end)).count == 2
        for seed in UInt64(1)...(isDecidedByNonces ? 3 : 1) {
            let result = try CollisionSearch.run(starts, faults: Self.faults, seed: seed)
            #expect(result.fault == nil)
            #expect(result.ends > 0)
        }
    }

    /// The same with further key exchanges behind every CREATE_CHILD_SA that has any (RFC 9370 §2.2.4).
    @Test(arguments: starts.filter { $0.contains { Collision.Command.creating.contains($0.command) } })
    func everyOrderWithFollowUpsEndsWell(_ starts: [Collision.Start]) throws {
        let isDecidedByNonces = Set(starts.map(\.command)).count == 1 && Set(starts.map(\.end)).count == 2
        for seed in UInt64(1)...(isDecidedByNonces ? 3 : 1) {
            // What one end asks for does not cross.
            let faults = Set(starts.map(\.end)).count == 2 ? Self.faults : Self.faults - 1
            let result = try CollisionSearch.run(starts, faults: faults, seed: seed, isFollowedUp: true)
            #expect(result.fault == nil)
            #expect(result.ends > 0)
        }
    }

    /// Three exchanges on a network that only reorders; those that change what is there.
    @Test(arguments: changing) func threeExchangesEndWell(_ first: Collision.Command) throws {
        for second in Self.changing {
            for third in Self.changing {
                let starts: [Collision.Start] = [
                    .init(end: .initiator, command: first), .init(end: .responder, command: second),
                    .init(end: .responder, command: third),
                ]
                let result = try CollisionSearch.run(starts, faults: 0)
                #expect(result.fault == nil)
                #expect(result.ends > 0)
            }
        }
    }
}

enum CollisionSearch {
    /// The nodes visited, how many of them were ends, and the first fault with the way to it.
    static func run(
        _ starts: [Collision.Start], faults: Int, seed: UInt64 = 1, isFollowedUp: Bool = false, bound: Int = 2_000_000
    ) throws -> (nodes: Int, ends: Int, fault: String?) {
        // Not mlkem768: its answers are not of the seed, and no two nodes would be alike.
        let pair =
            isFollowedUp
            ? try RekeyTests.established(
                ["aes128gcm16-prfsha256-x25519-ke1_ecp256"], child: ["aes128gcm16-x25519-ke1_ecp256"]
            ) { $0.datagramByteCount = nil }
            : try RekeyTests.established { $0.datagramByteCount = nil }
        var waiting = [Collision(pair, starts, faults: faults, seed: seed)]
        var seen: Set<Int> = []
        var ends = 0
        while let node = waiting.popLast() {
            guard seen.insert(node.key).inserted else { continue }
            var found = node.faults
            let moves = node.possibleMoves
            if moves.isEmpty {
                ends += 1
                found += node.finalFaults(starts) + node.forgotten()
            }
            if seen.count == bound { found.append("the search has no end") }
            guard found.isEmpty else {
                return (seen.count, ends, (found + ["after:"] + node.way.map(\.words)).joined(separator: "\n  "))
            }
            waiting += moves.map { node.after($0) }
        }
        return (seen.count, ends, nil)
    }
}

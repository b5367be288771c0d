import Associations
import ControlPlane
import Foundation
import SwiftProtobuf
import Testing
import Wire

@testable import XCF

/// What is written reads back the same, also by an older and a newer build; what cannot be is refused by name.
@Suite struct MessageTests {
    static let report: MemberMessage.Report = {
        var report = MemberMessage.Report()
        report.applied = 77
        report.refusals = ShadowRefusal.allCases.map {
            MemberMessage.Refusal(key: ShadowEntry.Key(spi: SPI(rawValue: 4711), direction: .outbound), reason: $0)
        }
        report.usage = [AssociationUsage(spi: SPI(rawValue: 300), direction: .inbound, packets: 5, bytes: .max)]
        report.connections = [
            ConnectionEvent(
                ConnectionName(
                    remote: IPAddress("10.0.0.1")!, local: IPAddress("10.0.0.2")!, remotePort: 65535, localPort: 80,
                    ipProtocol: 6), .opened),
            ConnectionEvent(
                ConnectionName(
                    remote: IPAddress("2001:db8::1")!, local: IPAddress("::1")!, remotePort: 1, localPort: 2,
                    ipProtocol: 17), .closed),
        ]
        report.omittedConnections = 3
        report.services = [MemberMessage.ServiceReport(service: "web", isListening: true, queued: 4, backlog: 128)]
        report.probe = 9
        report.weight = 0
        report.verified = [
            VerifiedNumbers(spi: SPI(rawValue: 300), highest: 1 << 40, words: [1, .max]),
            VerifiedNumbers(
                spi: SPI(rawValue: 301), highest: 9, words: [UInt64](repeating: 7, count: VerifiedNumbers.wordLimit)),
        ]
        report.peers = [
            PeerSighting(spi: SPI(rawValue: 300), number: 1 << 33, address: IPAddress("10.0.0.9")!, port: 4711),
            PeerSighting(spi: SPI(rawValue: 301), number: 8, address: IPAddress("2001:db8::9")!, port: 65535),
        ]
        return report
    }()

    @Test(arguments: [
        MemberMessage.hello(.sample("t1")), .report(report), .report(MemberMessage.Report()), .leaving("ill"),
    ]) func aMembersMessageReadsBackTheSame(_ message: MemberMessage) throws {
        let bytes: [UInt8] = try XCFFromMember(message).serializedBytes()
        #expect(try XCFFromMember(serializedBytes: bytes).message() == message)
    }

    @Test(arguments: [
        LinkRefusal.policyDiffers(router: "ab", member: "cd"),
        .epochIsOver(router: Epoch(rawValue: 1), member: Epoch(rawValue: 2)), .versionTooOld(oldest: 4),
        .notAMember("t9"),
    ]) func aRefusalReadsBackTheSame(_ refusal: LinkRefusal) throws {
        let bytes: [UInt8] = try XCFFromRouter(.refusal(refusal), .plain).serializedBytes()
        guard case .message(.refusal(let read)) = try XCFFromRouter(serializedBytes: bytes).readings(.plain).first
        else {
            Issue.record("no refusal")
            return
        }
        #expect(read == refusal)
    }

    /// One field after the other is missing: an older build has not written it.
    @Test func whatAnOlderPeerDoesNotSayIsTakenForNothing() throws {
        // Field 1 (hello), its length, then field 2 (member) alone.
        let older = try XCFFromMember(serializedBytes: [0x0A, 4, 0x12, 2, 0x74, 0x31]).message()
        #expect(
            older
                == .hello(
                    MemberMessage.Hello(
                        version: 0, member: "t1", incarnation: 0, epoch: Epoch(rawValue: 0), policyHash: [],
                        transforms: [])))
        // An empty report, as it was before there was anything but `applied`.
        #expect(try XCFFromMember(serializedBytes: [0x12, 2, 0x08, 5]).message() == .report(.init(applied: 5)))
    }

    /// Fields and kinds that came later than this build.
    @Test func whatANewerPeerSaysBesidesIsPassedOver() throws {
        // Within hello: field 99, a number; behind it, field 100 of the whole, a text.
        let bytes: [UInt8] = [0x0A, 7, 0x12, 2, 0x74, 0x31, 0x98, 0x06, 1] + [0xA2, 0x06, 1, 0x78]
        guard case .hello(let hello) = try XCFFromMember(serializedBytes: bytes).message() else {
            Issue.record("no hello")
            return
        }
        #expect(hello.member == "t1")
        // A kind that is not known.
        #expect(try XCFFromMember(serializedBytes: [0x7A, 1, 0x78]).message() == nil)
        #expect(try XCFFromRouter(serializedBytes: [0x7A, 1, 0x78]).readings(.plain).isEmpty)
        // Of a list, an item of a kind that is not known: the others stay.
        var report = XCFReport()
        report.usage = [
            .with { $0.direction = .UNRECOGNIZED(9) }, .with { ($0.spi, $0.direction, $0.bytes) = (300, .outbound, 8) },
        ]
        let message = try XCFFromMember.with { $0.report = report }.message()
        guard case .report(let read) = message else {
            Issue.record("no report")
            return
        }
        #expect(
            read.usage == [AssociationUsage(spi: SPI(rawValue: 300), direction: .outbound, packets: 0, bytes: 8)])
        // A reason that came later is a refusal still.
        let later = try XCFFromMember.with {
            $0.report.refusals = [.with { ($0.spi, $0.direction, $0.reason) = (300, .inbound, 200) }]
        }.message()
        guard case .report(let refusing) = later else {
            Issue.record("no report")
            return
        }
        #expect(refusing.refusals.map(\.reason) == [.unreadable])
    }

    /// An entry of a kind that came later stands in its place, by its key where it has one.
    @Test func anEntryThatCannotBeReadIsReportedInItsPlace() throws {
        var batch = EntryBatch.bytes([.begin, .removal(1)])
        batch += [0, 0, 0, 9, 77, 1, 0, 0, 0x12, 0x34, 1, 2, 3]
        batch += [0, 0, 0, 1, 78]
        batch += EntryBatch.bytes([.removal(2)])
        let message = XCFFromRouter.with {
            $0.entries = .with { ($0.first, $0.count) = (10, 5) }
            $0.entries.wrapped = Data(LinkWrapping.plain.wrap(batch, .entries))
        }
        let told = try message.readings(.plain).map { reading -> String in
            switch reading {
            case .message(.entries(let first, let entries)): "\(first): \(entries.count) entries"
            case .unreadable(let number, let key):
                "\(number): unreadable \(key.map { "\($0.spi) \($0.direction)" } ?? "without a key")"
            case .message: "another"
            }
        }
        #expect(
            told == [
                "10: 2 entries", "12: unreadable 0x00001234 outbound", "13: unreadable without a key", "14: 1 entries",
            ])
    }

    @Test func whatCannotBeIsRefusedByName() {
        func fault(_ change: (inout XCFReport) -> Void) -> LinkFault? {
            var report = XCFReport()
            change(&report)
            do throws(LinkFault) {
                _ = try XCFFromMember.with { $0.report = report }.message()
                return nil
            } catch { return error }
        }
        let good = XCFConnectionSeen.with {
            $0.remote = Data([10, 0, 0, 1])
            $0.local = Data([10, 0, 0, 2])
        }
        #expect(fault { $0.connections = [good] } == nil)
        var bad = good
        bad.remote = Data([1, 2, 3, 4, 5])
        #expect(fault { $0.connections = [good, bad] } == .unreadable)
        bad = good
        bad.localPort = 65536
        #expect(fault { $0.connections = [bad] } == .unreadable)
        bad = good
        bad.ipProtocol = 256
        #expect(fault { $0.connections = [bad] } == .unreadable)
        #expect(fault { $0.weight = 65536 } == .unreadable)
        #expect(fault { $0.services = [.with { $0.service = String(repeating: "x", count: 1025) }] } == .unreadable)
        #expect(fault { $0.usage = Array(repeating: .init(), count: LinkBounds.reportedItems + 1) } == .unreadable)
    }

    @Test func entriesThatAreNotWhatTheySayAreRefused() {
        func fault(_ wrapped: [UInt8], first: UInt64 = 1, count: UInt32) -> LinkFault? {
            let message = XCFFromRouter.with {
                $0.entries = .with { ($0.first, $0.count, $0.wrapped) = (first, count, Data(wrapped)) }
            }
            do throws(LinkFault) {
                _ = try message.readings(.plain)
                return nil
            } catch { return error }
        }
        let batch = EntryBatch.bytes([.begin, .removal(1)])
        let wrapped = LinkWrapping.plain.wrap(batch, .entries)
        #expect(fault(wrapped, count: 2) == nil)
        #expect(fault(wrapped, count: 1) == .unreadable)
        #expect(fault(wrapped, count: 3) == .unreadable)
        #expect(fault(wrapped, count: 5000) == .unreadable)
        #expect(fault(wrapped, first: .max, count: 2) == .unreadable)
        #expect(fault(LinkWrapping.plain.wrap(Array(batch.dropLast()), .entries), count: 2) == .unreadable)
        // Wrapped for another purpose, or not at all.
        #expect(fault(LinkWrapping.plain.wrap(batch, .leaseKey), count: 2) == .foreignKey)
        #expect(fault(batch, count: 2) == .foreignKey)
    }

    /// Damage is a fault, another message or the same, and never a trap.
    @Test func damagedMessagesAreNoTrap() throws {
        let bytes: [UInt8] = try XCFFromMember(.report(Self.report)).serializedBytes()
        for index in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[index] ^= 1 << bit
                _ = try? XCFFromMember(serializedBytes: damaged).message()
                _ = try? XCFFromRouter(serializedBytes: damaged).readings(.plain)
            }
        }
        let entries: [UInt8] = try XCFFromRouter(.entries(first: 1, [.begin, .removal(3)]), .plain).serializedBytes()
        for index in entries.indices {
            for bit in 0..<8 {
                var damaged = entries
                damaged[index] ^= 1 << bit
                _ = try? XCFFromRouter(serializedBytes: damaged).readings(.plain)
            }
        }
    }
}

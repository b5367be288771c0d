internal import Associations
internal import ControlPlane
internal import Foundation
internal import SwiftProtobuf

extension XCFFromRouter {
    /// Traps when there are more entries than `LinkBounds` says.
    init(_ message: RouterMessage, _ wrapping: LinkWrapping) {
        switch message {
        case .welcome(let welcome):
            self.welcome = .with {
                $0.version = welcome.version
                $0.incarnation = welcome.incarnation
                $0.epoch = welcome.epoch.rawValue
                $0.reportInterval = welcome.reportInterval
                var key = welcome.leaseKey.exposed
                $0.wrappedLeaseKey = Data(wrapping.wrap(key, .leaseKey))
                key.wipe()
            }
        case .refusal(let refusal): refused = XCFRefused(refusal)
        case .entries(let first, let entries):
            precondition(entries.count <= LinkBounds.entriesPerMessage)
            self.entries = .with {
                $0.first = first
                $0.count = UInt32(entries.count)
                var plaintext = EntryBatch.bytes(entries)
                $0.wrapped = Data(wrapping.wrap(plaintext, .entries))
                plaintext.wipe()
            }
        }
    }

    /// About what it takes in memory and on the wire.
    var byteCount: Int {
        switch says {
        case .entries(let entries): 64 + entries.wrapped.count
        case .welcome, .refused, nil: 512
        }
    }

    /// What a member makes of it: mostly one message; entries that cannot be read stand between others.
    enum Reading {
        case message(RouterMessage)
        case unreadable(number: UInt64, ShadowEntry.Key?)
    }

    /// Empty for what this build does not know; then `passOver` is called.
    func readings(_ wrapping: LinkWrapping, _ passOver: () -> Void = {}) throws(LinkFault) -> [Reading] {
        switch says {
        case .welcome(let welcome):
            guard var key = wrapping.unwrap(Array(welcome.wrappedLeaseKey), .leaseKey) else { throw .foreignKey }
            defer { key.wipe() }
            return [
                .message(
                    .welcome(
                        RouterMessage.Welcome(
                            version: welcome.version, incarnation: welcome.incarnation,
                            epoch: Epoch(rawValue: welcome.epoch), reportInterval: welcome.reportInterval,
                            leaseKey: SecretBytes(key))))
            ]
        case .refused(let refused): return [.message(.refusal(refused.value))]
        case .entries(let entries):
            guard var plaintext = wrapping.unwrap(Array(entries.wrapped), .entries) else { throw .foreignKey }
            defer { plaintext.wipe() }
            guard let items = EntryBatch.items(plaintext, count: Int(entries.count)),
                UInt64.max - entries.first > UInt64(items.count)
            else { throw .unreadable }
            return Self.readings(first: entries.first, items)
        case nil:
            passOver()
            return []
        }
    }

    private static func readings(first: UInt64, _ items: [EntryBatch.Item]) -> [Reading] {
        var readings: [Reading] = []
        var run: [ShadowEntry] = []
        var runFirst = first
        for (number, item) in zip(first..., items) {
            switch item {
            case .entry(let entry):
                if run.isEmpty { runFirst = number }
                run.append(entry)
            case .unreadable(let key):
                if !run.isEmpty { readings.append(.message(.entries(first: runFirst, run))) }
                run = []
                readings.append(.unreadable(number: number, key))
            }
        }
        if !run.isEmpty { readings.append(.message(.entries(first: runFirst, run))) }
        return readings
    }
}

extension XCFRefused {
    fileprivate init(_ refusal: LinkRefusal) {
        switch refusal {
        case .policyDiffers(let router, let member):
            policyDiffers = .with { ($0.router, $0.member) = (router, member) }
        case .epochIsOver(let router, let member):
            epochIsOver = .with { ($0.router, $0.member) = (router.rawValue, member.rawValue) }
        case .versionTooOld(let oldest): versionTooOld = .with { $0.oldest = oldest }
        case .notAMember(let name): notAMember = .with { $0.name = name }
        }
    }

    /// A reason that came later than this build: of all it knows, what it has to do is to become newer.
    fileprivate var value: LinkRefusal {
        switch reason {
        case .policyDiffers(let differs): .policyDiffers(router: differs.router, member: differs.member)
        case .epochIsOver(let over):
            .epochIsOver(router: Epoch(rawValue: over.router), member: Epoch(rawValue: over.member))
        case .versionTooOld(let version): .versionTooOld(oldest: version.oldest)
        case .notAMember(let member): .notAMember(member.name)
        case nil: .versionTooOld(oldest: LinkVersion.current + 1)
        }
    }
}

import Associations
import Testing
import Wire

@testable import ControlPlane

private let holder = HolderID(rawValue: 3)
private func key(_ byte: UInt8 = 7) -> SecretBytes { SecretBytes([UInt8](repeating: byte, count: 32)) }
private func epoch(_ number: UInt32) -> Epoch { Epoch(rawValue: number) }

private func message(_ identifier: UInt64 = 1, holder: HolderID = holder) -> LeaseMessage {
    LeaseMessage(
        spi: SPI(rawValue: 0x1000), holder: holder, incarnation: 5,
        body: .request(.init(identifier: identifier, count: 4, askedAt: 77)))
}

/// Both ends of one connection.
private struct Ends {
    let target: LeaseChannel
    let router: LeaseChannel

    init(target: UInt32 = 4, router: UInt32 = 4, key secret: SecretBytes = key()) {
        self.target = LeaseChannel(.holder, of: holder, key: secret, epoch: epoch(target))
        self.router = LeaseChannel(.sequencer, of: holder, key: secret, epoch: epoch(router))
    }
}

@Suite struct LeaseChannelTests {
    @Test func whatOneEndSealsTheOtherOpens() throws {
        let ends = Ends()
        for identifier in 1...200 as ClosedRange<UInt64> {
            let sealed = ends.target.seal(message(identifier))
            #expect(sealed.count == LeaseChannel.byteCount)
            #expect(LeaseChannel.holder(of: sealed) == holder)
            #expect(try ends.router.open(sealed) == message(identifier))
            #expect(try ends.target.open(ends.router.seal(message(identifier))) == message(identifier))
        }
    }

    /// A nonce is used once: the same message twice is not the same datagram, and the directions have keys of their own.
    @Test func noTwoDatagramsAreAlike() {
        let ends = Ends()
        var seen: Set<[UInt8]> = []
        for _ in 0..<50 {
            seen.insert(Array(ends.target.seal(message())[LeaseChannel.headerByteCount + 8..<LeaseChannel.byteCount]))
            seen.insert(Array(ends.router.seal(message())[LeaseChannel.headerByteCount + 8..<LeaseChannel.byteCount]))
        }
        #expect(seen.count == 100)
    }

    @Test func nothingOfTheMessageCanBeRead() {
        let sealed = Ends().target.seal(message())
        let open = message().bytes
        for start in 0...open.count - 8 {
            let piece = Array(open[start..<start + 8])
            guard Set(piece).count > 3 else { continue }
            #expect(!sealed.indices.dropLast(8).contains { Array(sealed[$0..<$0 + 8]) == piece })
        }
    }

    @Test func everyChangedBitIsSeenAndChangesNothing() throws {
        let ends = Ends()
        let sealed = ends.target.seal(message())
        for place in sealed.indices {
            for bit in 0..<8 {
                var damaged = sealed
                damaged[place] ^= 1 << UInt8(bit)
                let expected: LeaseChannel.Fault = place < 8 ? .malformed : place < 12 ? .otherKey : .unauthentic
                #expect(throws: expected) { try ends.router.open(damaged) }
            }
        }
        for count in [0, 1, 16, 64, 104] {
            #expect(throws: LeaseChannel.Fault.malformed) { try ends.router.open(Array(sealed[..<count])) }
        }
        #expect(throws: LeaseChannel.Fault.malformed) { try ends.router.open(sealed + [0]) }
        #expect(try ends.router.open(sealed) == message())
    }

    @Test func anotherConnectionsDatagramsAreNamed() {
        let before = Ends(key: key(1))
        let ends = Ends(key: key(2))
        #expect(throws: LeaseChannel.Fault.otherKey) { try ends.router.open(before.target.seal(message())) }
        // Another holder's name under this holder's key, and what comes back to its sender.
        let stranger = LeaseChannel(.holder, of: HolderID(rawValue: 4), key: key(2), epoch: epoch(4))
        #expect(throws: LeaseChannel.Fault.malformed) {
            try ends.router.open(stranger.seal(message(holder: HolderID(rawValue: 4))))
        }
        #expect(throws: LeaseChannel.Fault.malformed) { try ends.target.open(ends.target.seal(message())) }
        #expect(throws: LeaseChannel.Fault.malformed) {
            try ends.router.open(ends.target.seal(message(holder: HolderID(rawValue: 4))))
        }
    }

    @Test func aDatagramCountsOnce() throws {
        let ends = Ends()
        let sealed = (1...100).map { ends.target.seal(message($0)) }
        #expect(try ends.router.open(sealed[99]) == message(100))
        // Overtaken, but not by too many.
        #expect(try ends.router.open(sealed[36]) == message(37))
        #expect(throws: LeaseChannel.Fault.repeated) { try ends.router.open(sealed[35]) }
        for place in [99, 36] {
            #expect(throws: LeaseChannel.Fault.repeated) { try ends.router.open(sealed[place]) }
        }
        for place in 37..<99 { #expect(try ends.router.open(sealed[place]) == message(UInt64(place) + 1)) }
    }

    @Test func anOlderEpochChangesNothing() throws {
        let ends = Ends(target: 4, router: 5)
        let sealed = ends.target.seal(message())
        #expect(throws: LeaseChannel.Fault.epochIsOver) { try ends.router.open(sealed) }
        // The holder learns of the owner's epoch from what is authentic, and is heard then.
        #expect(try ends.target.open(ends.router.seal(message())) == message())
        #expect(ends.target.epoch == epoch(5))
        #expect(try ends.router.open(ends.target.seal(message(2))) == message(2))
        ends.target.advance(to: epoch(3))
        #expect(ends.target.epoch == epoch(5))
    }

    @Test func aSequencerWhoseTimeIsOverGrantsNothing() {
        let ends = Ends(target: 6, router: 5)
        #expect(throws: LeaseChannel.Fault.epochIsAhead) { try ends.router.open(ends.target.seal(message())) }
        #expect(throws: LeaseChannel.Fault.epochIsOver) { try ends.target.open(ends.router.seal(message())) }
        #expect(ends.router.epoch == epoch(5))
    }

    @Test func numbersAsASlowSetHasThem() {
        var random = SeededGenerator(seed: 11)
        var numbers = LeaseChannel.Numbers()
        var seen: Set<UInt64> = []
        var highest: UInt64 = 0
        for _ in 0..<20_000 {
            let number = max(1, highest + UInt64(random.below(80))) - UInt64(random.below(Int(min(highest, 90)) + 1))
            guard number > 0 else { continue }
            let isFresh = number > highest || (highest - number < 64 && !seen.contains(number))
            #expect(numbers.record(number) == isFresh)
            seen.insert(number)
            highest = max(highest, number)
        }
    }
}

@Suite struct LeaseMailTests {
    private let address = IPAddress("192.0.2.3")!
    private var source: SocketAddress { SocketAddress(address: address, port: 4000) }

    @Test func withoutAKeyNobodyIsHeardOrAnswered() {
        var mail = LeaseMail(holders: [holder: address], protection: .sealed)
        let target = LeaseChannel(.holder, of: holder, key: key(), epoch: epoch(1))
        #expect(throws: LeaseMail.Fault.unprotected) { try mail.open(target.seal(message()), from: source) }
        #expect(throws: LeaseMail.Fault.malformed) { try mail.open(message().bytes, from: source) }
        #expect(mail.seal(message()) == nil)
        mail.protect(holder, key(), epoch(1))
        #expect(throws: Never.self) { try mail.open(target.seal(message()), from: source) }
        #expect(mail.seal(message())?.1 == source)
        mail.unprotect(holder)
        #expect(throws: LeaseMail.Fault.unprotected) { try mail.open(target.seal(message()), from: source) }
        #expect(mail.seal(message()) == nil)
    }

    /// Answers go where the holder wrote from last, and a copy of an old datagram from elsewhere does not change that.
    @Test func whatIsNotAuthenticMovesNobody() throws {
        var mail = LeaseMail(holders: [holder: address], protection: .sealed)
        mail.protect(holder, key(), epoch(1))
        let target = LeaseChannel(.holder, of: holder, key: key(), epoch: epoch(1))
        let sealed = target.seal(message())
        _ = try mail.open(sealed, from: source)
        let elsewhere = SocketAddress(address: address, port: 666)
        var damaged = target.seal(message())
        damaged[60] ^= 1
        #expect(throws: LeaseMail.Fault.seal(.repeated)) { try mail.open(sealed, from: elsewhere) }
        #expect(throws: LeaseMail.Fault.seal(.unauthentic)) { try mail.open(damaged, from: elsewhere) }
        #expect(throws: LeaseMail.Fault.strange) {
            try mail.open(target.seal(message()), from: SocketAddress(address: IPAddress("192.0.2.4")!, port: 4000))
        }
        #expect(mail.seal(message())?.1 == source)
    }

    @Test func theKeyOfAConnectionThatIsOverIsNotTakenAgain() async {
        await #expect(processExitsWith: .failure) {
            var mail = LeaseMail(holders: [:], protection: .sealed)
            let key = SecretBytes([UInt8](repeating: 7, count: 32))
            mail.protect(HolderID(rawValue: 3), key, Epoch(rawValue: 1))
            mail.unprotect(HolderID(rawValue: 3))
            mail.protect(HolderID(rawValue: 3), key, Epoch(rawValue: 1))
        }
    }
}

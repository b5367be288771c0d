import Associations
import TestSupport
import Testing
import Wire

@testable import FastPath

/// The one arithmetic of lengths, beside packets built byte by byte elsewhere.
@Suite struct PacketRoomTests {
    @Test(arguments: Transform.allCases) func itSaysHowLongPacketsAre(_ transform: Transform) {
        for mode in [Mode.tunnel, .transport] {
            let sa = association(
                from: Example.client, to: Example.gateway, transform, remote: "10.71.0.0/24", local: "10.72.0.0/24")
            for isInUDP in [false, true] {
                let room = PacketRoom(transform, mode: mode, isInUDP: isInUDP)
                for byteCount in [40, 41, 43, 44, 55, 56, 57, 576, 1399, 1400] {
                    let payload = Bytes(repeating: 0, count: mode == .tunnel ? byteCount : byteCount - 20)
                    let packet = esp(sa, number: 1, nextHeader: 4, payload)
                    let outer = ipv4(
                        from: Example.client, to: Example.gateway, protocol: 50, isInUDP ? udp(1, 2, packet) : packet)
                    #expect(room.outerByteCount(forInner: byteCount) == outer.count, "\(mode) \(byteCount)")
                }
            }
        }
    }

    @Test(arguments: Transform.allCases) func theLargestFitsAndOneMoreDoesNot(_ transform: Transform) {
        for mode in [Mode.tunnel, .transport] {
            for (isInUDP, isOuterV6) in [(false, false), (true, false), (false, true), (true, true)] {
                let room = PacketRoom(transform, mode: mode, isInUDP: isInUDP, isOuterV6: isOuterV6)
                for mtu in Array(576...640) + [1280, 1400] + Array(1452...1500) + [9000] {
                    let largest = room.largestInner(in: mtu)
                    #expect(room.outerByteCount(forInner: largest) <= mtu)
                    #expect(room.outerByteCount(forInner: largest + 1) > mtu)
                }
                #expect(room.largestInner(in: 28) == 0)
            }
        }
    }

    @Test func greIsWhatTheRouterPutsAround() {
        #expect(PacketRoom.gre() == TargetTable.overheadByteCount)
        #expect(PacketRoom.gre(isV6: true) == 48)
        #expect(PacketRoom.segment(inPacketOf: 1400) == 1360)
        #expect(PacketRoom.segment(inPacketOf: 1400, isV6: true) == 1340)
    }

    /// The router refuses what the arithmetic says does not fit, to the byte.
    @Test func theRouterGoesByIt() {
        let largest = PacketRoom(Example.tunnel).largestInner(in: 1500 - PacketRoom.gre())
        var bench = Example.bench()
        #expect(bench.send(Example.tunnelFrame(number: 1, Example.innerTCP(payload: largest - 40))).verdict == .steered)
        #expect(
            bench.send(Example.tunnelFrame(number: 2, Example.innerTCP(payload: largest - 39))).verdict == .oversized)
    }
}

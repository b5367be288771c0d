import Associations
import ControlPlane
import Testing
import Wire

private func seconds(_ seconds: UInt64) -> UInt64 { seconds * 1_000_000_000 }
private let t1 = IPAddress("192.0.2.11")!
private let t2 = IPAddress("2001:db8::12")!
private let mac = MACAddress("02:00:00:00:00:11")!
private let other = MACAddress("02:00:00:00:00:99")!

private func neighbour(
    _ address: IPAddress, _ state: Neighbour.State, _ link: MACAddress? = nil, on interface: UInt32 = 7
) -> Neighbour {
    Neighbour(interface: interface, address: address, linkAddress: link, state: state)
}

private func makeWatch() -> NeighbourWatch {
    NeighbourWatch(
        targets: [Target(name: "t1", trustedAddress: t1), Target(name: "t2", trustedAddress: t2)], interface: 7)
}

@Suite struct NeighbourWatchTests {
    @Test func asksForWhatTheKernelDoesNotKnowOnceASecond() {
        var watch = makeWatch()
        #expect(watch.receive(all: [], at: seconds(1)) == [.resolve(t1), .resolve(t2)])
        #expect(watch.tick(at: seconds(1) + 5) == [])
        #expect(watch.deadline == seconds(2))
        #expect(watch.receive(neighbour(t1, .incomplete), at: seconds(1) + 9) == [])
        #expect(watch.receive(neighbour(t1, .reachable, mac), at: seconds(1) + 9) == [.publish(target: "t1", mac)])
        #expect(watch.tick(at: seconds(2)) == [.resolve(t2)])
    }

    @Test func tellsOfChangesOnly() {
        var watch = makeWatch()
        #expect(
            watch.receive(all: [neighbour(t1, .reachable, mac), neighbour(t2, .reachable, other)], at: seconds(1))
                == [.publish(target: "t1", mac), .publish(target: "t2", other)])
        #expect(watch.receive(neighbour(t1, .reachable, mac), at: seconds(2)) == [])
        #expect(watch.receive(neighbour(t1, .reachable, other), at: seconds(3)) == [.publish(target: "t1", other)])
        #expect(watch.deadline == nil)
    }

    @Test func aStaleAddressIsKeptAndAskedFor() {
        var watch = makeWatch()
        _ = watch.receive(all: [neighbour(t1, .reachable, mac), neighbour(t2, .reachable, mac)], at: seconds(1))
        #expect(watch.receive(neighbour(t1, .stale, mac), at: seconds(9)) == [.resolve(t1)])
        #expect(watch.receive(neighbour(t1, .incomplete), at: seconds(9)) == [])
        #expect(watch.receive(neighbour(t1, .failed), at: seconds(10)) == [.publish(target: "t1", nil), .resolve(t1)])
    }

    @Test func whatIsMissingInAListingIsGone() {
        var watch = makeWatch()
        _ = watch.receive(all: [neighbour(t1, .reachable, mac), neighbour(t2, .reachable, mac)], at: seconds(1))
        #expect(
            watch.receive(all: [neighbour(t2, .reachable, mac)], at: seconds(5))
                == [.publish(target: "t1", nil), .resolve(t1)])
    }

    @Test func strangersAndOtherInterfacesDoNotCount() {
        var watch = makeWatch()
        _ = watch.receive(all: [], at: seconds(1))
        #expect(watch.receive(neighbour(IPAddress("192.0.2.99")!, .reachable, mac), at: seconds(1)) == [])
        #expect(watch.receive(neighbour(t1, .reachable, mac, on: 8), at: seconds(1)) == [])
    }
}

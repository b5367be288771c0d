import Commands
import ControlPlane
import CouplingFacilities
import Foundation
import Testing

/// What etcd brings besides: members that die, stop and come back, histories that are compacted, certificates.
@Suite(.serialized) struct EtcdTests {
    /// Puts numbers until it is told to stop; what was told to be committed is there.
    private func write(_ facility: EtcdFacility, _ prefix: String, until isOver: () -> Bool) async -> [String] {
        var committed: [String] = []
        var number = 0
        while !isOver() || committed.count < 10 {
            number += 1
            let key = prefix + "\(number)"
            if (try? await facility.put(key, "x")) != nil { committed.append(key) }
        }
        return committed
    }

    @Test func theLeaderIsKilled() async throws {
        let cluster = try EtcdCluster(members: 3)
        let facility = try cluster.facility()
        #expect(await eventually { (try? await facility.list("/")) != nil && cluster.leader != nil })
        let from = try await facility.list("/").revision
        let watched = await Watched(facility.watch("/n/", after: from))
        var keys = await write(facility, "/n/a") { true }
        let leader = try #require(cluster.leader)
        cluster.kill(leader)
        keys += await write(facility, "/n/b") { true }
        #expect(await eventually { cluster.leader != nil && cluster.leader != leader })
        keys += await write(facility, "/n/c") { true }
        let listed = try await facility.keys("/n/")
        #expect(Set(listed).isSuperset(of: keys))
        // A transaction whose answer was lost may be there, too: told or not, the watch knows it once.
        #expect(await eventually { await watched.notices.count >= listed.count })
        let told = await watched.notices.map(\.key)
        #expect(Set(told) == Set(listed) && told.count == listed.count)
        #expect(await watched.failure == nil)
        await facility.close()
    }

    @Test func aMemberThatStandsStillIsPassedBy() async throws {
        let cluster = try EtcdCluster(members: 3)
        let facility = try cluster.facility()
        #expect(await eventually { (try? await facility.put("/a", "1")) != nil && cluster.leader != nil })
        for index in 0..<3 where index != cluster.leader {
            cluster.signal(index, SIGSTOP)
            #expect(await eventually { (try? await facility.put("/b", "\(index)")) != nil })
            #expect(try await facility.list("/b").entries.first?.text == "\(index)")
            cluster.signal(index, SIGCONT)
            #expect(await eventually { cluster.leader != nil })
        }
        await facility.close()
    }

    @Test func itIsGoneAndComesBack() async throws {
        let cluster = try EtcdCluster()
        let facility = try cluster.facility()
        #expect(await eventually { (try? await facility.put("/a", "1")) != nil })
        let watched = await Watched(facility.watch("/", after: try await facility.list("/").revision))
        cluster.kill(0)
        for _ in 0..<2 {
            let failure = await #expect(throws: CouplingFailure.self) { try await facility.list("/") }
            guard case .unreachable(let why) = failure else {
                Issue.record("\(String(describing: failure))")
                return
            }
            #expect(why.contains("\(cluster.endpoints[0])"))
        }
        try cluster.start(0)
        #expect(await eventually { (try? await facility.put("/b", "2")) != nil })
        #expect(await eventually { await watched.words == ["/b=2"] })
        #expect(try await facility.keys("/") == ["/a", "/b"])
        await facility.close()
    }

    @Test func whatIsCompactedIsSaid() async throws {
        let cluster = try EtcdCluster()
        let facility = try cluster.facility()
        #expect(await eventually { (try? await facility.put("/a", "1")) != nil })
        let from = try await facility.list("/").revision
        let live = await Watched(facility.watch("/", after: from))
        // A call whose answer is lost under load is made again, and may have been done.
        for number in 0..<20 { #expect(await eventually { (try? await facility.put("/a", "\(number)")) != nil }) }
        let listing = try await facility.list("/")
        #expect(await eventually { await live.notices.last?.revision == listing.revision })
        #expect(await live.notices.count >= 20)
        try cluster.etcdctl("compact", "\(listing.revision)")
        // The one that is under way misses nothing.
        #expect(await eventually { (try? await facility.put("/b", "1")) != nil })
        #expect(await eventually { await live.words.contains("/b=1") })
        // One from before is told, and goes on from a new list.
        let late = await Watched(facility.watch("/", after: from))
        #expect(await eventually { await late.failure == .compacted(listing.revision) })
        let again = await Watched(facility.watch("/", after: try await facility.list("/").revision))
        #expect(await eventually { (try? await facility.put("/c", "1")) != nil })
        #expect(await eventually { await again.words.contains("/c=1") })
        await facility.close()
    }

    @Test func aDatabaseAtItsLimitIsFull() async throws {
        let cluster = try EtcdCluster(more: ["--quota-backend-bytes", "2000000"])
        let facility = try cluster.facility()
        #expect(await eventually { (try? await facility.put("/a", "1")) != nil })
        var failure: CouplingFailure?
        for number in 0..<100 where failure == nil {
            do throws(CouplingFailure) {
                _ = try await facility.insist(
                    CouplingTransaction([.put("/n/\(number)", [UInt8](repeating: 1, count: 200_000))]))
            } catch {
                failure = error
            }
        }
        guard case .full = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(try await facility.list("/a").entries.first?.text == "1")
        await facility.close()
    }

    // MARK: Certificates

    @Test func certificatesOfBothSides() async throws {
        let certificates = try EtcdCertificates()
        let cluster = try EtcdCluster(certificates: certificates)
        let facility = try cluster.facility()
        #expect(await eventually { (try? await facility.put("/a", "1")) != nil })
        #expect(try await facility.keys("/") == ["/a"])
        await facility.close()
        // The same server, and nobody else is let in, nor taken for it.
        let strangers: [(String, EtcdCredentials)] = [
            ("no client certificate", EtcdCredentials(authority: certificates.path("ca.pem"))),
            (
                "another authority",
                EtcdCredentials(
                    authority: certificates.path("other.pem"), certificate: certificates.path("client.pem"),
                    privateKey: certificates.path("client.key"))
            ),
            (
                "another's client certificate",
                EtcdCredentials(
                    authority: certificates.path("ca.pem"), certificate: certificates.path("stranger.pem"),
                    privateKey: certificates.path("stranger.key"))
            ),
        ]
        for (what, credentials) in strangers {
            let stranger = try EtcdFacility(endpoints: cluster.endpoints, credentials: credentials)
            await #expect(throws: CouplingFailure.self, "\(what)") { try await stranger.list("/") }
            await #expect(throws: CouplingFailure.self, "\(what)") {
                _ = try await stranger.commit(CouplingTransaction([.put("/b", [1])]))
            }
            await stranger.close()
        }
        let again = try cluster.facility()
        #expect(try await again.keys("/") == ["/a"])
        await again.close()
    }

    @Test func certificatesThatCannotBeReadAreNamed() throws {
        let endpoint = EtcdEndpoint(isTLS: true, host: "127.0.0.1", port: 2379)
        let failure = #expect(throws: CouplingFailure.self) {
            try EtcdFacility(endpoints: [endpoint], credentials: EtcdCredentials(authority: "/nowhere/ca.pem"))
        }
        guard case .refusedByServer(let why) = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(why.hasPrefix("certificates for etcd"))
    }

    /// Somebody listens, and is no etcd.
    @Test func aStrangerAtThePort() async throws {
        let port = freePorts(1)[0]
        let server = try Command(["python3", "-m", "http.server", "--bind", "127.0.0.1", "\(port)"])
        let facility = try EtcdFacility(endpoints: [EtcdEndpoint(isTLS: false, host: "127.0.0.1", port: port)])
        let failure = await #expect(throws: CouplingFailure.self) { try await facility.list("/") }
        guard case .unreachable = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        await facility.close()
        withExtendedLifetime(server) {}
    }
}

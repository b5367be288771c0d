import Associations
import Commands
import ControlPlane
import Foundation
import SwiftProtobuf
import Synchronization
import Testing

@testable import XCF

extension LinkTests {
    /// A coupling facility that another router keeps: who gets at it, and what happens when the way there breaks. What it
    /// does is asked by the suite over all facilities.
    @Suite struct RemoteFacilityTests {
        private func put(_ key: String) -> CouplingTransaction { CouplingTransaction([.put(key, [1])]) }

        private func failure<Value>(
            _ body: () async throws(CouplingFailure) -> Value
        ) async -> CouplingFailure? {
            do throws(CouplingFailure) {
                _ = try await body()
                return nil
            } catch {
                return error
            }
        }

        @Test func aTargetReadsAndDoesNotWrite() async throws {
            let (cluster, store) = (try TestLink(["t1", "router2"]), MemoryFacility())
            let server = try cluster.server(of: store)
            _ = try await store.commit(put("/a"))
            let target = try cluster.facility("t1", of: server)
            #expect(try await target.list("/").entries.map(\.key) == ["/a"])
            let lease = CouplingLease(identifier: 1, seconds: 5)
            let refusals = [
                await failure { () throws(CouplingFailure) in try await target.commit(put("/b")) },
                await failure { () throws(CouplingFailure) in try await target.grantLease(seconds: 5) },
                await failure { () throws(CouplingFailure) in try await target.keepAlive(lease) },
                await failure { () throws(CouplingFailure) in try await target.revoke(lease) },
            ]
            let said = CouplingFailure.refusedByServer(
                "\(target.place): t1 is no router of this cluster, and only routers write here")
            #expect(refusals == [said, said, said, said])
            #expect(try await store.list("/").entries.count == 1)
            // A router is none of those who may join as targets, for all that it may write.
            let router = try cluster.facility("router2", of: server)
            #expect(await failure { () throws(CouplingFailure) in try await router.commit(put("/b")) } == nil)
            let client = try cluster.client("router2", of: server)
            #expect(await eventually { client.connectionCount == 1 })
            #expect(client.link.send(.hello(.sample("router2"))))
            #expect(await eventually { server.refusals == [.nameDiffers] })
            await target.close()
            await router.close()
        }

        @Test func aStrangersCertificateGetsNothing() async throws {
            let (cluster, other) = (try TestLink(["t1", "router2"]), try TestLink(["t1", "router2"]))
            let store = MemoryFacility()
            let server = try cluster.server(of: store)
            let (ours, theirs) = (try cluster.credentials("router2"), try other.credentials("router2"))
            let stranger = try RemoteFacility(
                router: server.link.address, routerName: "router1",
                credentials: LinkCredentials(
                    name: "router2", authorities: ours.authorities, chain: theirs.chain, key: theirs.key))
            guard case .unreachable? = await failure({ () throws(CouplingFailure) in try await stranger.list("/") })
            else {
                Issue.record("it was let in")
                return
            }
            #expect(await failure { () throws(CouplingFailure) in try await stranger.commit(put("/a")) } != nil)
            #expect(await eventually { server.refusals.contains(.foreignAuthority) })
            #expect(try await store.list("/").entries.isEmpty)
            await stranger.close()
        }

        @Test func aNameThatIsNoMembersGetsNothing() async throws {
            let (cluster, store) = (try TestLink(["t1", "router2", "t9"]), MemoryFacility())
            let server = try cluster.server(of: store)
            let stranger = try cluster.facility("t9", of: server)
            #expect(await failure { () throws(CouplingFailure) in try await stranger.list("/") } != nil)
            #expect(await failure { () throws(CouplingFailure) in try await stranger.commit(put("/a")) } != nil)
            #expect(await eventually { server.refusals.contains(.notAMember) })
            #expect(try await store.list("/").entries.isEmpty)
            await stranger.close()
        }

        @Test func aRouterOfAnotherNameIsNotAsked() async throws {
            let (cluster, store) = (try TestLink(["t1", "router2"]), MemoryFacility())
            let server = try cluster.server(of: store)
            let facility = try RemoteFacility(
                router: server.link.address, routerName: "router3", credentials: cluster.credentials("router2"))
            let said = CouplingFailure.refusedByServer("\(facility.place): \(LinkFault.notAMember)")
            #expect(await failure { () throws(CouplingFailure) in try await facility.list("/") } == said)
            #expect(await failure { () throws(CouplingFailure) in try await facility.commit(put("/a")) } == said)
            #expect(try await store.list("/").entries.isEmpty)
            await facility.close()
        }

        /// A router whose link has no facility, an older build for instance.
        @Test func aRouterThatServesNoneSaysSo() async throws {
            let cluster = try TestLink(["t1"])
            let server = try cluster.server()
            let facility = try cluster.facility("t1", of: server)
            guard
                case .refusedByServer? = await failure({ () throws(CouplingFailure) in try await facility.list("/") })
            else {
                Issue.record("it was answered")
                return
            }
            await facility.close()
        }

        @Test func theRoutersOwnFailuresArriveAsTheyAre() async throws {
            let (cluster, store) = (try TestLink(["t1", "router2"]), MemoryFacility())
            let server = try cluster.server(of: store)
            let facility = try cluster.facility("router2", of: server)
            #expect(
                await failure { () throws(CouplingFailure) in
                    try await facility.keepAlive(CouplingLease(identifier: 7, seconds: 5))
                } == .leaseGone)
            await store.close()
            #expect(
                await failure { () throws(CouplingFailure) in try await facility.commit(put("/a")) }
                    == .unreachable("\(facility.place): its router has closed it"))
            await facility.close()
        }

        /// The router is gone and comes back at the same port: a watch misses nothing and tells nothing twice.
        @Test func aWatchGoesOnWhenTheRouterIsBack() async throws {
            let (cluster, store) = (try TestLink(["t1", "router2"]), MemoryFacility())
            let first = try cluster.server(of: store)
            let port = first.link.address.port
            let facility = try cluster.facility("router2", of: first)
            let told = Told(facility.watch("/", after: try await facility.list("/").revision))
            _ = try await store.commit(CouplingTransaction([.put("/a", []), .put("/b", [])]))
            #expect(await eventually { told.keys == ["/a", "/b"] })
            await elsewhere { first.link.stop() }
            _ = try await store.commit(put("/c"))
            #expect(
                await failure { () throws(CouplingFailure) in try await facility.commit(put("/lost")) } != nil)
            let second = try cluster.server(of: store, port: port)
            #expect(await eventually { told.keys == ["/a", "/b", "/c"] })
            _ = try await facility.list("/")
            _ = try await facility.commit(put("/d"))
            #expect(await eventually { told.keys == ["/a", "/b", "/c", "/d"] })
            #expect(try await store.list("/lost").entries.isEmpty)
            await facility.close()
            #expect(await eventually { told.end == .closed })
            withExtendedLifetime(second) {}
        }

        @Test func aWatchThatBreaksInsideOfATransactionTellsTheRestOnce() {
            func notice(_ key: String, _ revision: Int64) -> CouplingNotice {
                CouplingNotice(key: key, value: nil, revision: revision)
            }
            var reading = RemoteFacility.Reading(complete: 4)
            var new = [notice("/x", 4), notice("/a", 5), notice("/b", 5)].map { reading.isNew($0) }
            #expect(new == [false, true, true])
            // The stream breaks: the rest of 5 may come still.
            #expect(reading.complete == 4)
            new = [notice("/b", 5), notice("/c", 5), notice("/a", 5), notice("/a", 6)].map { reading.isNew($0) }
            #expect(new == [false, true, false, true])
            #expect(reading.complete == 5)
            new = [notice("/z", 5), notice("/a", 6), notice("/a", 7)].map { reading.isNew($0) }
            #expect(new == [false, false, true])
        }

        /// A member's own transaction may be anything: it is asked before the facility is, which traps.
        @Test func whatIsBeyondTheBoundsIsRefused() {
            let long = String(repeating: "k", count: CouplingBounds.key + 1)
            for (transaction, fault) in [
                (CouplingTransaction([.put("/a", []), .delete("/a")]), "a key is written twice"),
                (CouplingTransaction([.put("/a/b", []), .deletePrefix("/a/")]), "a key is written twice"),
                (CouplingTransaction(when: [.absent(long)], []), "a key has 1 to 1024 bytes"),
                (CouplingTransaction([.delete("")]), "a key has 1 to 1024 bytes"),
                (
                    CouplingTransaction([.put("/a", [UInt8](repeating: 0, count: CouplingBounds.value + 1))]),
                    "a value has 1 MiB at most"
                ),
            ] {
                #expect(transaction.boundsFault == fault)
                #expect(XCFCouplingCommitRequest(transaction).transaction == transaction)
            }
            // A part that a later version may know is not left out.
            #expect(XCFCouplingCommitRequest.with { $0.comparisons = [.with { $0.key = "/a" }] }.transaction == nil)
            #expect(XCFCouplingCommitRequest.with { $0.operations = [XCFCouplingOperation()] }.transaction == nil)
        }

        @Test func pagesAreBounded() {
            let large = CouplingEntry(key: "/l", value: [UInt8](repeating: 1, count: 1 << 20), modifiedRevision: 1)
            let pages = XCFCouplingAnswer.pages([large, large, large], revision: 3)
            #expect(pages.map(\.page.entries.count) == [1, 1, 1])
            let small = CouplingEntry(key: "/s", value: [], modifiedRevision: 1)
            let many = XCFCouplingAnswer.pages(Array(repeating: small, count: 2500), revision: 3)
            #expect(many.map(\.page.entries.count) == [1000, 1000, 500])
            #expect(many.allSatisfy { $0.page.revision == 3 })
            #expect(XCFCouplingAnswer.pages([], revision: 3).count == 1)
        }
    }
}

extension TestLink {
    /// One that serves a facility, which router2 may write to.
    func server(of facility: any CouplingFacility, port: UInt16 = 0) throws -> TestServer {
        try TestServer(
            SocketAddress(address: Self.loopback.address, port: port), credentials("router1"),
            ["t1"], facility: ServedFacility(facility, writers: ["router1", "router2"]))
    }

    func facility(_ member: String, of server: TestServer) throws -> RemoteFacility {
        try RemoteFacility(router: server.link.address, routerName: "router1", credentials: credentials(member))
    }
}

/// What a watch tells.
private final class Told: Sendable {
    private let state = Mutex<(keys: [String], end: CouplingFailure?)>(([], nil))
    var keys: [String] { state.withLock { $0.keys } }
    var end: CouplingFailure? { state.withLock { $0.end } }

    init(_ watch: CouplingWatch) {
        Task { [self] in
            var notices = watch.makeAsyncIterator()
            do throws(CouplingFailure) {
                while let notice = try await notices.next() { state.withLock { $0.keys.append(notice.key) } }
            } catch {
                state.withLock { $0.end = error }
            }
        }
    }
}

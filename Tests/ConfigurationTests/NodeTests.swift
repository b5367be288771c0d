import Associations
import Configuration
import Testing

/// What a node makes of the file: its own SAs, and whether it has all it needs to run.
@Suite struct NodeTests {
    @Test func anUnknownNodeGetsTheNamesThereAre() throws {
        let cluster = try ClusterConfiguration(yaml: Page.yaml, file: "cluster.yaml")
        let failure = #expect(throws: ConfigurationFailure.self) { try cluster.node(named: "clent") }
        #expect(
            failure?.description
                == "cluster.yaml:9: there is no node \"clent\". Did you mean \"client\"? The nodes are router1, "
                + "t1, client."
        )
        let other = #expect(throws: ConfigurationFailure.self) { try cluster.node(named: "backup") }
        #expect(
            other?.description == "cluster.yaml:9: there is no node \"backup\". The nodes are router1, t1, client.")
    }

    @Test func anEndpointHoldsItsSAsMirroredAndTheClusterHoldsAll() throws {
        let yaml = Edit.applying("replayWindow: 32\n    endpoint: client\n", "replayWindow: 32\n", to: Page.bothWays)
        let cluster = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml")
        let atRouter = cluster.associations(of: try cluster.node(named: "router1"))
        let atTarget = cluster.associations(of: try cluster.node(named: "t1"))
        #expect(atRouter.map(\.name) == ["client-in", "client-out"])
        #expect(atRouter.map(\.direction) == [.inbound, .outbound])
        #expect(atTarget.map(\.direction) == [.inbound, .outbound])

        let atClient = cluster.associations(of: try cluster.node(named: "client"))
        #expect(atClient.map(\.name) == ["client-in"])
        #expect(atClient.map(\.direction) == [.outbound])
        #expect(atClient[0].selectors == atRouter[0].selectors.mirrored)
    }

    @Test(arguments: ["router1", "t1", "client"])
    func theExampleCanRun(name: String) throws {
        let cluster = try ClusterConfiguration(yaml: Page.bothWays, file: "cluster.yaml")
        try cluster.requireRunnable(node: cluster.node(named: name))
    }

    static let noState = Edit.applying("stateDirectory: /var/lib/viaduct", "#", to: Page.bothWays)

    @Test(arguments: [
        (
            "router1",
            Edit(
                "    clientInterface: client0 ", "    # ",
                gives: "cluster.yaml:10: router \"router1\" cannot run without clientInterface. "
                    + "Add \"clientInterface: client0\" to it.")
        ),
        (
            "router1",
            Edit(
                "    trustedInterface: trusted0 ", "    # ",
                gives: "cluster.yaml:10: router \"router1\" cannot run without trustedInterface. "
                    + "Add \"trustedInterface: trusted0\" to it.")
        ),
        (
            "router1",
            Edit(
                "    trustedAddress: 192.0.2.1 ", "    # ",
                gives: "cluster.yaml:10: router \"router1\" cannot run without trustedAddress. "
                    + "Add \"trustedAddress: 192.0.2.1\" to it.")
        ),
        (
            "t1",
            Edit(
                "    trustedAddress: 192.0.2.1 ", "    # ",
                gives:
                    "cluster.yaml:16: target \"t1\" takes GRE from known routers only, and no router has a "
                    + "trustedAddress. "
                    + "Add \"trustedAddress: 192.0.2.1\" to the router.")
        ),
        (
            "client",
            Edit(
                "    endpoint: client ", "    # ",
                gives: "cluster.yaml:20: endpoint \"client\" has no security association. "
                    + "Add \"endpoint: client\" to those it has the other end of.")
        ),
        (
            "router1",
            Edit(
                "cluster: demo", "cluster: demo", in: noState,
                gives: "cluster.yaml:53: \"client-out\" would send the same sequence numbers again after a restart of "
                    + "\"router1\". Add \"stateDirectory: /var/lib/viaduct\" to the file: used numbers are "
                    + "written down there."
            )
        ),
        (
            "client",
            Edit(
                "cluster: demo", "cluster: demo", in: noState,
                gives: "cluster.yaml:36: \"client-in\" would send the same sequence numbers again after a restart of "
                    + "\"client\". Add \"stateDirectory: /var/lib/viaduct\" to the file: used numbers are "
                    + "written down there."
            )
        ),
    ])
    func whatANodeCannotRunWithout(name: String, edit: Edit) throws {
        let cluster = try ClusterConfiguration(yaml: edit.yaml, file: "cluster.yaml")
        let node = try cluster.node(named: name)
        let failure = #expect(throws: ConfigurationFailure.self) { try cluster.requireRunnable(node: node) }
        #expect(failure?.description == edit.message)
    }

    /// Targets see a part of the packets each: without a link nobody tells them how far the numbers are.
    @Test(arguments: ["router1", "t1"]) func extendedNumbersNeedALink(_ name: String) throws {
        let yaml = Edit.applying(
            "    replayWindow: 64 ", "    extendedSequenceNumbers: true\n    replayWindow: 64 ", to: Page.bothWays)
        let cluster = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml")
        let node = try cluster.node(named: name)
        let failure = #expect(throws: ConfigurationFailure.self) { try cluster.requireRunnable(node: node) }
        #expect(
            failure?.description.contains(
                "\"client-in\" has extendedSequenceNumbers, and without a link nobody tells the targets their upper "
                    + "half. Add \"link: {credentials: /etc/viaduct/link}\" and a clusterKey to the file, or remove "
                    + "extendedSequenceNumbers.") == true)
        // Who has the other end sees every packet.
        try cluster.requireRunnable(node: cluster.node(named: "client"))
        let linked = yaml + "clusterKey: /etc/viaduct/cluster.key\nlink: {}\n"
        let whole = try ClusterConfiguration(yaml: linked, file: "cluster.yaml", files: HeldFiles().reader)
        try whole.requireRunnable(node: whole.node(named: name))
    }

    @Test func aTargetNeedsNoStateOfItsOwn() throws {
        let cluster = try ClusterConfiguration(yaml: Self.noState, file: "cluster.yaml")
        try cluster.requireRunnable(node: cluster.node(named: "t1"))
    }
}

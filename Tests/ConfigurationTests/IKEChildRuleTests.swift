import Testing

@testable import Configuration

/// The rules for the Child SAs of a connection: one edit of the page's example, one message.
@Suite struct IKEChildRuleTests {
    static let children = [
        IKERuleTests.edit(
            "        local: [10.72.0.10/32] ", "        local: [10.73.0.0/24] ",
            gives: "79: local holds no DVIPA, so nothing could be served. Write local: [10.72.0.10]."),
        IKERuleTests.edit(
            "        local: [10.72.0.10/32] ", "        local: [10.72.0.11-10.72.0.20] ",
            gives: "79: local holds no DVIPA, so nothing could be served. Write local: [10.72.0.10]."),
        IKERuleTests.edit(
            "        local: [10.72.0.10/32] ", "        local: [] ",
            gives: "79: local is an empty list. Write local: [10.72.0.10/32]."),
        IKERuleTests.edit(
            "        remote: [10.71.0.0/24] ", "        # ",
            gives: "76: child of connection \"branch\" has no remote. Add remote: [10.71.0.0/24]."),
        IKERuleTests.edit(
            "        mode: tunnel ", "        mode: tunel ",
            gives: "77: mode is \"tunel\"; tunnel or transport is wanted. Write mode: tunnel."),
        IKERuleTests.edit(
            "        mode: tunnel ", "        mode: transport ",
            gives: "77: mode is transport, but 198.51.100.1, where IKE is spoken, is not a DVIPA. "
                + "Write mode: tunnel, or local: with a DVIPA in the connection."),
        IKERuleTests.edit(
            "        protocol: tcp                  # optional: any; as", "        # as",
            gives: "83: remotePorts is there, but no protocol that has ports. "
                + "Write protocol: tcp, or remove remotePorts."),
        IKERuleTests.edit(
            "        localPorts: [80, 443] ",
            "        localPorts: [\((1...17).map(String.init).joined(separator: ", "))] ",
            gives: "79: local and localPorts make 17 traffic selectors; 16 is the most. "
                + "Write fewer and wider ranges."),
        IKERuleTests.edit(
            "        remote: [10.71.0.0/24] ",
            "        remote: [\((1...17).map { "10.71.0.\($0)" }.joined(separator: ", "))] ",
            gives: "80: remote and remotePorts make 17 traffic selectors; 16 is the most. "
                + "Write fewer and wider ranges."),
        IKERuleTests.edit(
            "replayWindow: 128 ", "replayWindow: 31 ",
            gives: "84: replayWindow is 31; 32 to 4096 is allowed. Write replayWindow: 128."),
        IKERuleTests.edit(
            "peerReplayWindow: 32 ", "peerReplayWindow: 4097 ",
            gives: "85: peerReplayWindow is 4097; 32 to 4096 is allowed. Write peerReplayWindow: 32."),
        IKERuleTests.edit(
            "rekeyBytes: 0 ", "rekeyBytes: 1G ",
            gives: "87: rekeyBytes is \"1G\"; a number, 0 to 9223372036854775807, is wanted. Write rekeyBytes: 0."),
        IKERuleTests.edit(
            "rekeyPackets: 0 ", "rekeyPackts: 0 ",
            gives: "88: child of connection \"branch\" has an unknown key \"rekeyPackts\". "
                + "Write rekeyPackets, or remove it."),
        IKERuleTests.edit(
            "perTarget: never}", "perTarget: always}",
            gives: "98: perTarget is \"always\"; auto or never is wanted. Write perTarget: auto."),
    ]

    @Test("Child SAs", arguments: children)
    func refusesChildren(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }

    /// The example in transport mode, at the DVIPA and with the peer's own address.
    static let transport = Page.withIKE
        .replacing("listen: [198.51.100.1]", with: "listen: [10.72.0.10]")
        .replacing("      local: 198.51.100.1 ", with: "      # ")
        .replacing("        mode: tunnel ", with: "        mode: transport ")
        .replacing("        remote: [10.71.0.0/24] ", with: "        remote: [198.51.100.10] ")

    @Test func transportModeHoldsTheOuterAddresses() {
        #expect(message(Self.transport) == nil)
        #expect(
            message(Edit.applying("remote: [198.51.100.10] ", "remote: [198.51.100.11] ", to: Self.transport))
                == "cluster.yaml:80: in transport mode remote must hold the peer, 198.51.100.10. "
                + "Write remote: [198.51.100.10].")
        // Of a range of peers some at least.
        let range = Edit.applying(
            "remote: 198.51.100.10 ", "remote: 198.51.100.8/29 ",
            to: Edit.applying("start: initiate", "start: respond", to: Self.transport))
        #expect(message(range) == nil)
        #expect(
            message(Edit.applying("remote: [198.51.100.10] ", "remote: [198.51.100.16] ", to: range))
                == "cluster.yaml:80: in transport mode remote must hold the peer, 198.51.100.8/29. "
                + "Write remote: [198.51.100.8/29].")
    }

    /// Any of the addresses that are listened at may be the one spoken to.
    @Test func transportModeHoldsEveryAddressListenedAt() {
        let two = Self.transport
            .replacing("dvipas:\n", with: "dvipas:\n  - {address: 10.72.0.11, services: []}\n")
            .replacing("listen: [10.72.0.10]", with: "listen: [10.72.0.10, 10.72.0.11]")
        #expect(
            message(two) == "cluster.yaml:80: in transport mode local must hold the DVIPA, 10.72.0.11. "
                + "Write local: [10.72.0.11].")
        #expect(
            message(two.replacing("      localID: gw.example  ", with: "      local: 10.72.0.10\n      localID: a  "))
                == nil)
    }
}

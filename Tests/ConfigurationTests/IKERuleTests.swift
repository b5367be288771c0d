import Testing

@testable import Configuration

/// The rules for `ike` and its connections: one edit of the page's example, one message.
@Suite struct IKERuleTests {
    static func edit(_ old: String, _ new: String, gives message: String) -> Edit {
        Edit(old, new, in: Page.withIKE, gives: "cluster.yaml:" + message)
    }

    /// The section as a whole.
    static let settings = [
        edit(
            "clusterKey: /etc/viaduct/cluster.key ", "#",
            gives: "1: the configuration has no clusterKey. Add clusterKey: /etc/viaduct/cluster.key."),
        edit(
            "listen: [198.51.100.1]", "listen: [198.51.100.1, 198.51.100.3]",
            gives: "57: listen holds 198.51.100.3, which is neither a gateway nor a DVIPA. "
                + "Write one of those, or add it to gateways."),
        edit(
            "listen: [198.51.100.1]", "listen: [198.51.100.1, 198.51.100.1]",
            gives: "57: listen holds \"198.51.100.1\" twice. Remove one."),
        edit(
            "listen: [198.51.100.1]", "listen: []", gives: "57: listen is an empty list. Write listen: [198.51.100.1]."),
        edit(
            "listen: [198.51.100.1]", "listn: [198.51.100.1]",
            gives: "57: ike has an unknown key \"listn\". Write listen, or remove it."),
        edit(
            "cookieThreshold: 100 ", "cookieThreshold: 1001 ",
            gives: "58: cookieThreshold is 1001, more than maximumHalfOpen, 1000: no cookie would be asked for. "
                + "Write cookieThreshold: 100, or a larger maximumHalfOpen."),
        edit(
            "maximumHalfOpen: 1000 ", "maximumHalfOpen: 0 ",
            gives: "59: maximumHalfOpen is 0; 1 to 1000000 is allowed. Write maximumHalfOpen: 1000."),
        edit(
            "maximumHalfOpenPerAddress: 10 ", "maximumHalfOpenPerAddress: 1001 ",
            gives: "60: maximumHalfOpenPerAddress is 1001, more than maximumHalfOpen, 1000. "
                + "Write maximumHalfOpenPerAddress: 10, or a larger maximumHalfOpen."),
        edit(
            "link: {port: 4520, ", "link: {port: 65536, ",
            gives: "55: port is 65536; 1 to 65535 is allowed. Write port: 4520."),
        edit(
            "credentials: /etc/viaduct/link}", "credentials: link}",
            gives: "55: credentials is \"link\", which is not an absolute path. Write credentials: /etc/viaduct/link."),
    ]

    @Test("The section as a whole", arguments: settings)
    func refusesSettings(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }

    /// Who the peer is.
    static let peers = [
        edit(
            "name: laptops", "name: branch",
            gives: "89: the connection in line 62 is called \"branch\" already. Give each a name of its own."),
        edit("name: laptops", "mobike: false", gives: "89: a connection has no name. Add name: branch."),
        edit(
            "      local: 198.51.100.1 ", "      local: 10.72.0.10 ",
            gives: "63: local is 10.72.0.10, where ike does not listen. Write one of 198.51.100.1, or add it to listen."
        ),
        edit(
            "remote: 198.51.100.10 ", "remote: 198.51.100.0/24 ",
            gives: "64: remote is 198.51.100.0/24, but start: initiate needs one address. "
                + "Write the peer's address, or start: respond."),
        edit(
            "remote: 198.51.100.10 ", "# ",
            gives: "62: connection \"branch\" has start: initiate, but no remote. "
                + "Add \"remote: 198.51.100.10\" to it."),
        edit(
            "remote: 198.51.100.10 ", "remote: 10.72.0.10 ",
            gives: "64: remote is 10.72.0.10, an address of the cluster. Write the peer's address."),
        edit(
            "remote: 198.51.100.10 ", "remote: 224.0.0.1 ",
            gives: "64: remote is 224.0.0.1, which is not the address of a host. Write remote: 198.51.100.10."),
        edit(
            "remote: 198.51.100.10 ", "remote: client.example ",
            gives:
                "64: remote is \"client.example\"; an address, a network (host bits 0) or a range first-last is wanted. "
                + "Write remote: 198.51.100.10."),
        edit(
            "start: initiate ", "start: auto ",
            gives: "65: start is \"auto\"; initiate or respond is wanted. Write start: initiate."),
        edit(
            "start: initiate ", "starts: initiate ",
            gives: "65: connection \"branch\" has an unknown key \"starts\". Write start, or remove it."),
        edit(
            "[aes128gcm16-prfsha256-x25519]", "[\"aes128gcm16, x25519\"]",
            gives: "66: proposals holds \"aes128gcm16, x25519\"; algorithms joined by hyphens is wanted. "
                + "Write proposals: [aes128gcm16-prfsha256-x25519]."),
        edit(
            "[aes128gcm16-prfsha256-x25519]", "[]",
            gives: "66: proposals is an empty list. Write proposals: [aes128gcm16-prfsha256-x25519]."),
        edit(
            "[aes128gcm16-prfsha256-x25519]", "[\((1...33).map { "a\($0)" }.joined(separator: ", "))]",
            gives: "66: proposals holds 33; 32 is the most. "
                + "Put alternatives into one: aes128gcm16-aes256gcm16-prfsha256-x25519."),
        edit(
            "      localID: gw.example  ", "      # ",
            gives: "62: connection \"branch\" has no localID. Add localID: gw.example."),
        edit(
            "localID: gw.example  ", "localID: gw example  ",
            gives: "67: localID is \"gw example\"; an FQDN, user@fqdn or an IP address is wanted. "
                + "Write localID: gw.example."),
        edit(
            "localID: gw.example  ", "localID: \"*.example\"  ",
            gives: "67: localID is \"*.example\"; an FQDN, user@fqdn or an IP address is wanted. "
                + "Write localID: gw.example."),
        edit(
            "remoteID: client.example ", "remoteID: \"CN=client, O=Example\" ",
            gives: "68: remoteID is \"CN=client, O=Example\", a distinguished name, which is not supported. "
                + "Write a name that the certificate has as a subjectAltName."),
        edit(
            "remoteID: client.example ", "remoteID: \"*\" ",
            gives: "68: remoteID is \"*\"; an FQDN, user@fqdn or an IP address, or *.example, is wanted. "
                + "Remove remoteID: without it any that authenticates is taken."),
        edit(
            "    - name: laptops\n",
            "    - {name: phones, localID: GW.example, remoteID: \"*.EXAMPLE\", "
                + "presharedKeyFile: /etc/viaduct/branch.psk, "
                + "child: {mode: tunnel, local: [10.72.0.0/24], remote: [10.71.0.0/16]}}\n    - name: laptops\n",
            gives:
                "90: connection \"laptops\" is for the same peers as \"phones\": local, remote, localID and remoteID "
                + "are the same. Make one of the two, or write another remote or remoteID."),
        edit(
            "fragmentSize: 1280 ", "fragmentSize: 575 ",
            gives: "71: fragmentSize is 575; 576 to 65535, or 0 for no fragments, is allowed. "
                + "Write fragmentSize: 1280."),
        edit(
            "mobike: true ", "mobike: yes ",
            gives: "72: mobike is \"yes\"; true or false is wanted. Write mobike: true."),
        edit(
            "deadPeerSeconds: 30 ", "deadPeerSeconds: 30s ",
            gives: "73: deadPeerSeconds is \"30s\"; a number, 0 to 31536000, is wanted. Write deadPeerSeconds: 30."),
        edit(
            "rekeySeconds: 14400 ", "rekeySeconds: 31536001 ",
            gives: "74: rekeySeconds is 31536001; 0 to 31536000 is allowed. Write rekeySeconds: 14400."),
        edit(
            "reauthenticateSeconds: 0 ", "reauthenticateSeconds: -1 ",
            gives: "75: reauthenticateSeconds is \"-1\"; a number, 0 to 31536000, is wanted. "
                + "Write reauthenticateSeconds: 0."),
    ]

    @Test("Who the peer is", arguments: peers)
    func refusesPeers(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }

    @Test(arguments: ["gw", "gw.example", "a_b.x-1.example", "me@gw.example", "198.51.100.1", "2001:db8::1"])
    func identitiesThatAreTaken(text: String) {
        #expect(message(Edit.applying("localID: gw.example  ", "localID: \"\(text)\"  ", to: Page.withIKE)) == nil)
    }

    @Test(arguments: [
        "gw.", ".gw", "-gw", "gw-", "a..b", "198.51.100.256", "198.51.100", "@gw", "a@b@c", "a b@c", "*@c",
    ])
    func identitiesThatAreNot(text: String) {
        #expect(
            message(Edit.applying("localID: gw.example  ", "localID: \"\(text)\"  ", to: Page.withIKE))
                == "cluster.yaml:67: localID is \"\(text)\"; an FQDN, user@fqdn or an IP address is wanted. "
                + "Write localID: gw.example.")
    }

    /// Smaller bounds draw the defaults of the others down with them.
    @Test func fewHalfOpenSAs() throws {
        let yaml = Edit.applying(
            "maximumHalfOpen: 1000 ", "maximumHalfOpen: 5 ",
            to: Page.without("cookieThreshold", "maximumHalfOpenPerAddress", in: Page.withIKE))
        let cluster = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml", files: HeldFiles().reader)
        #expect(cluster.ike?.cookieThreshold == 5)
        #expect(cluster.ike?.maximumHalfOpenPerAddress == 5)
    }

    @Test func withTargetsThereIsALink() {
        let message = message(Edit.applying("link: {port: 4520, credentials: /etc/viaduct/link}", "", to: Page.withIKE))
        #expect(message?.contains("link") == true)
    }

    @Test func withoutGatewaysTheDVIPAsAreListenedAt() throws {
        let yaml = Page.without("local: 198", "listen", "gateways", in: Page.withIKE)
            .replacing("destination: 198.51.100.1\n", with: "destination: 10.72.0.10\n")
        let cluster = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml", files: HeldFiles().reader)
        #expect(cluster.ike?.listen == cluster.dvipas)
    }

    @Test func noFragmentsAndNoMoves() throws {
        let yaml = Edit.applying(
            "fragmentSize: 1280 ", "fragmentSize: 0 ",
            to: Edit.applying("mobike: true ", "mobike: false ", to: Page.withIKE))
        let cluster = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml", files: HeldFiles().reader)
        #expect(cluster.ike?.connections[0].fragmentSize == nil)
        #expect(cluster.ike?.connections[0].isMobile == false)
    }

    /// Nothing grows with the file without end.
    @Test func tooManyOfThem() {
        let one =
            "presharedKeyFile: /etc/viaduct/branch.psk, child: {mode: tunnel, local: [10.72.0.0/24], remote: [10.71.0.1]}"
        let many = (1...1024).map { "    - {name: c\($0), localID: gw\($0), \(one)}\n" }.joined()
        #expect(
            message(Edit.applying("    - name: branch\n", many + "    - name: branch\n", to: Page.withIKE))
                == "cluster.yaml:1086: connections holds more than 1024. "
                + "Put peers that may have the same into one, with a wider remote.")

        let gateways = ["198.51.100.1"] + (0...255).map { "203.0.113.\($0)" }
        let yaml = Edit.applying(
            "gateways: [198.51.100.1]", "gateways: [\(gateways.joined(separator: ", "))]",
            to: Page.without("listen", in: Page.withIKE))
        #expect(
            message(yaml) == "cluster.yaml:56: ike would listen at 257 addresses; 256 is the most. "
                + "Write listen: with those that peers are told.")
    }
}

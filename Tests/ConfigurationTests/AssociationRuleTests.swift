import Testing

@testable import Configuration

/// The rules for security associations: one edit of the page's example, one message.
@Suite struct AssociationRuleTests {
    /// Security associations.
    static let associations = [
        Edit(
            "0xc472877a", "255",
            gives: "cluster.yaml:37: spi is 255; 256 to 0xffffffff is allowed. Write spi: 0xc472877a."),
        Edit(
            "0xc472877a", "0x100000000",
            gives: "cluster.yaml:37: spi is 0x100000000; 256 to 0xffffffff is allowed. Write spi: 0xc472877a."),
        Edit(
            "0xc472877a", "c472877a",
            gives: "cluster.yaml:37: spi is \"c472877a\"; a number, 256 to 0xffffffff, is wanted. "
                + "Write spi: 0xc472877a."),
        Edit(
            "direction: inbound", "direction: in",
            gives: "cluster.yaml:38: direction is \"in\"; inbound or outbound is wanted. Write direction: inbound."),
        Edit(
            "mode: tunnel", "mode: tunel",
            gives: "cluster.yaml:39: mode is \"tunel\"; tunnel or transport is wanted. Write mode: tunnel."),
        Edit(
            "mode: tunnel", "mode: beet",
            gives: "cluster.yaml:39: mode is beet, which is not supported; tunnel or transport is wanted. "
                + "Write mode: tunnel."),
        Edit(
            "mode: tunnel", "mode: tunnel\n    extendedSequenceNumbers: yes",
            gives: "cluster.yaml:40: extendedSequenceNumbers is \"yes\"; true or false is wanted. "
                + "Write extendedSequenceNumbers: true."),
        Edit(
            "mode: tunnel", "mode: transport",
            gives:
                "cluster.yaml:41: destination of an inbound SA in transport mode is 198.51.100.1, which is not "
                + "a DVIPA. "
                + "Write a DVIPA, or add it to dvipas."),
        Edit(
            "source: 198.51.100.10 ", "source: 2001:db8::1 ",
            gives: "cluster.yaml:41: source is 2001:db8::1, destination 198.51.100.1. "
                + "Write two addresses of one family; what is inside may be of the other."),
        Edit(
            "source: 198.51.100.10 ", "source: fe80::1 ",
            gives: "cluster.yaml:40: source is fe80::1, which is not the address of a host. "
                + "Write source: 198.51.100.10."),
        Edit(
            "source: 198.51.100.10 ", "source: \"::ffff:198.51.100.10\" ",
            gives: "cluster.yaml:40: source is \"::ffff:198.51.100.10\"; an IP address is wanted. "
                + "Write source: 198.51.100.10."),
        Edit(
            "source: 198.51.100.10 ", "source: 198.51.100.1 ",
            gives: "cluster.yaml:41: source and destination are both 198.51.100.1. "
                + "Write the peer's address in one, the cluster's in the other."),
        Edit(
            "destination: 198.51.100.1\n", "destination: 198.51.100.2\n",
            gives:
                "cluster.yaml:41: destination of an inbound SA in tunnel mode is 198.51.100.2, which is neither "
                + "a gateway nor a DVIPA. "
                + "Write one of those, or add it to gateways."),
        Edit(
            "algorithm: aes256gcm16", "algorithm: aes256gcm",
            gives: "cluster.yaml:42: algorithm is \"aes256gcm\"; aes128gcm16, aes192gcm16, aes256gcm16, "
                + "chacha20poly1305, aes128gmac, aes192gmac, aes256gmac, aes128, aes256, aes128ctr, aes256ctr or null is "
                + "wanted, the last five with an integrity algorithm. Write algorithm: aes256gcm16."),
        Edit(
            "algorithm: aes256gcm16", "algorithm: aes256gcm16-sha256",
            gives: "cluster.yaml:42: algorithm is \"aes256gcm16-sha256\"; aes256gcm16 authenticates by itself. "
                + "Write algorithm: aes256gcm16."),
        Edit(
            "algorithm: aes256gcm16", "algorithm: aes256",
            gives: "cluster.yaml:42: algorithm is \"aes256\", which does not authenticate; an integrity algorithm is "
                + "wanted with it: sha256, sha384, sha512, or sha1 for a peer that has nothing better. "
                + "Write algorithm: aes256-sha256."),
        Edit(
            "algorithm: aes256gcm16", "algorithm: null-md5",
            gives: "cluster.yaml:42: algorithm is \"null-md5\", and \"md5\" is no integrity algorithm; sha256, sha384, "
                + "sha512 or sha1 is wanted. Write algorithm: null-sha256."),
        Edit(
            "algorithm: aes256gcm16", "algorithm: aes256-sha256",
            gives: "cluster.yaml:44: aes256-sha256 has no salt. Remove salt."),
        Edit(
            "algorithm: aes256gcm16", "algorithm: aes256ctr-sha256",
            gives: "cluster.yaml:36: a security association has no authenticationKey. "
                + "Add authenticationKey: the integrity algorithm's key in hexadecimal digits, in quotes."),
        Edit(
            "salt: \"24380623\"", "salt: \"24380623\"\n    authenticationKey: \"ab\"",
            gives: "cluster.yaml:45: aes256gcm16 has no authenticationKey. Remove authenticationKey."),
        Edit(
            "key: 71f81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a99",
            "key: 71f81ce7c2ea8533852d73f0a41494",
            gives: "cluster.yaml:43: key has 30 digits; aes256gcm16 wants 64 (32 bytes). "
                + "Write all 64 hexadecimal digits, in quotes."),
        Edit(
            "key: 71f8", "key: 71g8",
            gives: "cluster.yaml:43: key is not hexadecimal: character 3 is none of 0-9, a-f. "
                + "Write all 64 hexadecimal digits, in quotes."),
        Edit(
            "salt: \"24380623\"", "salt: 24380623",
            gives: "cluster.yaml:44: YAML reads this salt as a number. Put the digits in quotes."),
        Edit(
            "salt: \"24380623\"", "salt: 1e380623",
            gives: "cluster.yaml:44: YAML reads this salt as a number. Put the digits in quotes."),
        Edit(
            "salt: \"24380623\"", "salt: \"243806\"",
            gives: "cluster.yaml:44: salt has 6 digits; aes256gcm16 wants 8 (4 bytes). "
                + "Write all 8 hexadecimal digits, in quotes."),
        Edit(
            "replayWindow: 64 ", "replayWindow: 31 ",
            gives: "cluster.yaml:45: replayWindow is 31; 32 to 4096 is allowed. Write replayWindow: 64."),
        Edit(
            "endpoint: client ", "endpoint: t1 ",
            gives: "cluster.yaml:46: \"t1\" is a node of role target, not endpoint. Nodes of role endpoint are "
                + "client."),
        Edit(
            "endpoint: client ", "endpoint: clint ",
            gives: "cluster.yaml:46: there is no node \"clint\". "
                + "Did you mean \"client\"? Nodes of role endpoint are client."),
        Edit(
            Page.outerHeader, "mode: transport\n    source: 10.71.0.1\n    destination: 10.73.0.10\n",
            gives:
                "cluster.yaml:41: destination of an inbound SA in transport mode is 10.73.0.10, which is not a DVIPA. "
                + "Write a DVIPA, or add it to dvipas."),
        Edit(
            "salt: \"24380623\"", "salt: ",
            gives: "cluster.yaml:44: salt is not a text; aes256gcm16 wants 8 hexadecimal digits. "
                + "Write all 8 hexadecimal digits, in quotes."),
        Edit(
            "198.51.100.10 ", "0.0.0.1 ",
            gives: "cluster.yaml:40: source is 0.0.0.1, which is not the address of a host. "
                + "Write source: 198.51.100.10."),
    ]

    @Test("Security associations", arguments: associations)
    func refusesAssociations(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }

    /// Selectors.
    static let selectors = [
        Edit(
            "10.71.0.0/24", "10.71.0.1/24",
            gives:
                "cluster.yaml:48: remote holds \"10.71.0.1/24\"; an address, a network (host bits 0) or a range "
                + "first-last is wanted. "
                + "Write remote: [10.71.0.0/24]."),
        Edit(
            "10.71.0.0/24", "2001:db8::/32",
            gives: "cluster.yaml:48: the selectors' remote and local are of two families, and no packet is. "
                + "Write networks of one family, or of both in remote and local."),
        Edit(
            "\n      protocol: tcp ", "\n      protocol: gre ",
            gives: "cluster.yaml:50: protocol is \"gre\"; tcp, udp, icmp or a number is wanted. Write protocol: tcp."),
        Edit(
            "\n      protocol: tcp ", "\n      protocol: 256 ",
            gives: "cluster.yaml:50: protocol is 256; 1 to 255 is allowed. Write protocol: tcp."),
        Edit(
            "\n      protocol: tcp ", "\n      # ",
            gives: "cluster.yaml:51: remotePorts is there, but no protocol that has ports. "
                + "Write protocol: tcp, or remove remotePorts."),
        Edit(
            "\n      protocol: tcp ", "\n      protocol: icmp ",
            gives: "cluster.yaml:51: remotePorts is there, but no protocol that has ports. "
                + "Write protocol: tcp, or remove remotePorts."),
        Edit(
            "[1024-65535]", "[1024-65536]",
            gives:
                "cluster.yaml:51: remotePorts holds \"1024-65536\"; a port or a range first-last, 0 to 65535, "
                + "is wanted. "
                + "Write remotePorts: [1024-65535]."),
        Edit(
            "[10.71.0.0/24]", "[]",
            gives: "cluster.yaml:48: remote is an empty list. Write remote: [10.71.0.0/24]."),
        Edit(
            Page.outerHeader, "mode: transport\n    source: 10.81.0.1\n    destination: 10.72.0.10\n",
            gives: "cluster.yaml:48: in transport mode the selectors' remote must hold the peer, 10.81.0.1. "
                + "Write remote: [10.81.0.1]."),
    ]

    @Test("Selectors", arguments: selectors)
    func refusesSelectors(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }

    /// What no two SAs may share.
    static let pairs = [
        Edit(
            "source: 198.51.100.1\n", "source: 198.51.100.2\n", in: Page.bothWays,
            gives:
                "cluster.yaml:57: source of an outbound SA in tunnel mode is 198.51.100.2, which is neither a "
                + "gateway nor a DVIPA. "
                + "Write one of those, or add it to gateways."),
        Edit(
            "name: client-out", "name: client-in", in: Page.bothWays,
            gives: "cluster.yaml:53: the security association in line 36 is called \"client-in\" already. "
                + "Give each a name of its own."),
        Edit(
            "direction: outbound\n    mode: tunnel\n    source: 198.51.100.1\n    destination: 198.51.100.10",
            "direction: inbound\n    mode: tunnel\n    source: 198.51.100.10\n    destination: 198.51.100.1",
            in: Page.bothWays,
            gives: "cluster.yaml:54: spi 0xc472877a is that of \"client-in\", which is inbound too. "
                + "Write another number; an SPI is used once a direction."),
        Edit(
            "algorithm: aes128gcm16\n    key: 3fc6ed52d8fee80f4a899a69b992b327\n    salt: \"16274504\"",
            "algorithm: aes256gcm16\n    key: "
                + "71F81ce7c2ea8533852d73f0a414946a59d09546237b547d7607cf71eff73a99\n    salt: \"24380623\"",
            in: Page.bothWays,
            gives: "cluster.yaml:60: key and salt are those of \"client-in\". "
                + "Write new random ones: one key with one nonce twice breaks AES-GCM for good."),
    ]

    @Test("What no two SAs may share", arguments: pairs)
    func refusesPairs(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }

    /// The outer addresses are the ones checked, so a policy that leaves one out lets nothing through.
    @Test func transportModeNeedsTheDVIPAInLocal() {
        let transport = Edit.applying(
            Page.outerHeader, "mode: transport\n    source: 10.71.0.1\n    destination: 10.72.0.10\n", to: Page.yaml)
        #expect(message(transport) == nil)
        #expect(
            message(Edit.applying("local: [10.72.0.0/24]", "local: [10.73.0.0/24]", to: transport))
                == "cluster.yaml:48: in transport mode the selectors' local must hold the DVIPA, 10.72.0.10. "
                + "Write local: [10.72.0.10].")
    }
}

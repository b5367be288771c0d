import Testing

@testable import Configuration

/// The rules for the cluster, its nodes and its services: one edit of the page's example, one message.
@Suite struct ClusterRuleTests {
    /// Unknown and missing keys.
    static let keys = [
        Edit(
            "epoch: 1", "epoc: 1",
            gives: "cluster.yaml:2: the configuration has an unknown key \"epoc\". Write epoch, or remove it."),
        Edit(
            "epoch: 1", "zebra: 1",
            gives: "cluster.yaml:2: the configuration has an unknown key \"zebra\". "
                + "Remove it; the keys here are cluster, epoch, verify, stateDirectory, leases, health, limits, "
                + "link, nodes, gateways, "
                + "dvipas, securityAssociations, filters, clusterKey, formerClusterKeys, coupling, ike."
        ),
        Edit(
            "  port: 4510", "  prot: 4510",
            gives: "cluster.yaml:6: leases has an unknown key \"prot\". Write port, or remove it."),
        Edit(
            "    clientInterface: client0", "    clientInterfaces: client0",
            gives: "cluster.yaml:12: node \"router1\" has an unknown key \"clientInterfaces\". "
                + "Write clientInterface, or remove it."),
        Edit(
            "mtu: 1400                       # optional", "addresses: [10.0.0.1] # optional",
            gives: "cluster.yaml:19: node \"t1\" has an unknown key \"addresses\". "
                + "Remove it; the keys here are role, trustedAddress, mtu, weight, transforms, delivery."),
        Edit(
            "        protocol: tcp ", "        proto: tcp ",
            gives: "cluster.yaml:31: a service of 10.72.0.10 has an unknown key \"proto\". "
                + "Write protocol, or remove it."),
        Edit(
            "      - name: web", "      - nam: web",
            gives: "cluster.yaml:30: a service of 10.72.0.10 has an unknown key \"nam\". Write name, or remove it."),
        Edit(
            "      remote: [", "      remotes: [",
            gives: "cluster.yaml:48: selectors has an unknown key \"remotes\". Write remote, or remove it."),
        Edit(
            "spi: ", "SPI: ",
            gives: "cluster.yaml:37: a security association has an unknown key \"SPI\". Write spi, or remove it."),
        Edit(
            "cluster: demo ", "# ",
            gives: "cluster.yaml:2: the configuration has no cluster. Add cluster: demo."),
        Edit(
            "\n    role: router", "",
            gives: "cluster.yaml:10: node \"router1\" has no role. Add role: router, role: target or role: endpoint."),
        Edit(
            "    trustedAddress: 192.0.2.11 ", "    # ",
            gives: "cluster.yaml:16: node \"t1\" has no trustedAddress. Add trustedAddress: 192.0.2.11."),
        Edit(
            "  - address: 10.72.0.10\n    services:", "  - services:",
            gives: "cluster.yaml:28: a DVIPA has no address. Add address: 10.72.0.10."),
        Edit(
            "    salt: \"24380623\"\n", "",
            gives: "cluster.yaml:36: a security association has no salt. "
                + "Add salt: the salt in hexadecimal digits, in quotes."),
        Edit(
            "      local: [10.72.0.0/24] ", "      # ",
            gives: "cluster.yaml:47: selectors has no local. Add local: [10.72.0.0/24]."),
        Edit(
            "epoch: 1 ", "<<: {a: 1} ",
            gives: "cluster.yaml:2: the configuration has an unknown key \"<<\". "
                + "Remove it; the keys here are cluster, epoch, verify, stateDirectory, leases, health, limits, "
                + "link, nodes, gateways, "
                + "dvipas, securityAssociations, filters, clusterKey, formerClusterKeys, coupling, ike."
        ),
    ]

    @Test("Unknown and missing keys", arguments: keys)
    func refusesKeys(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }

    /// The cluster, its leases and gateways.
    static let whole = [
        Edit(
            "cluster: demo", "cluster: [demo]",
            gives: "cluster.yaml:1: cluster is a list; a text is wanted. Write cluster: demo."),
        Edit(
            "cluster: demo ", "cluster: ",
            gives: "cluster.yaml:1: cluster has no value; a text is wanted. Write cluster: demo."),
        Edit(
            "epoch: 1 ", "epoch: one ",
            gives: "cluster.yaml:2: epoch is \"one\"; a number, 1 to 4294967295, is wanted. Write epoch: 1."),
        Edit(
            "epoch: 1 ", "epoch: 0 ",
            gives: "cluster.yaml:2: epoch is 0; 1 to 4294967295 is allowed. Write epoch: 1."),
        Edit(
            "epoch: 1 ", "epoch: 4294967296 ",
            gives: "cluster.yaml:2: epoch is 4294967296; 1 to 4294967295 is allowed. Write epoch: 1."),
        Edit(
            "epoch: 1 ", "epoch: 99999999999999999999 ",
            gives: "cluster.yaml:2: epoch is 99999999999999999999; 1 to 4294967295 is allowed. Write epoch: 1."),
        Edit(
            "epoch: 1 ", "epoch: 01 ",
            gives: "cluster.yaml:2: epoch is \"01\"; a number, 1 to 4294967295, is wanted. Write epoch: 1."),
        Edit(
            "epoch: 1 ", "epoch: -1 ",
            gives: "cluster.yaml:2: epoch is \"-1\"; a number, 1 to 4294967295, is wanted. Write epoch: 1."),
        Edit(
            "epoch: 1 ", "epoch: 0x1 ",
            gives: "cluster.yaml:2: epoch is \"0x1\"; a number, 1 to 4294967295, is wanted. Write epoch: 1."),
        Edit(
            "stateDirectory: /var", "stateDirectory: var",
            gives: "cluster.yaml:3: stateDirectory is \"var/lib/viaduct\", which is not an absolute path. "
                + "Write stateDirectory: /var/lib/viaduct."),
        Edit(
            Page.leases, "leases: 7\n",
            gives: "cluster.yaml:5: leases is a single value; keys are wanted (port, validityMilliseconds). "
                + "Write leases: {port: 4510}."),
        Edit(
            "port: 4510", "port: 65536",
            gives: "cluster.yaml:6: port is 65536; 1 to 65535 is allowed. Write port: 4510."),
        Edit(
            "validityMilliseconds: 10 ", "validityMilliseconds: 1001 ",
            gives: "cluster.yaml:7: validityMilliseconds is 1001; 1 to 1000 is allowed. "
                + "Write validityMilliseconds: 10."),
        Edit(
            "gateways: [198.51.100.1]", "gateways: [ff02::1]",
            gives: "cluster.yaml:25: gateways holds ff02::1, which is not the address of a host. "
                + "Write gateways: [198.51.100.1]."),
        Edit(
            "gateways: [198.51.100.1]", "gateways: 198.51.100.1",
            gives: "cluster.yaml:25: gateways is \"198.51.100.1\"; a list is wanted. Write gateways: [198.51.100.1]."),
        Edit(
            "gateways: [198.51.100.1]", "gateways: [198.51.100.1, 198.51.100.1]",
            gives: "cluster.yaml:25: gateways holds \"198.51.100.1\" twice. Remove one."),
        Edit(
            "cluster: demo ", "cluster: \"de\\u0007mo\" ",
            gives: "cluster.yaml:1: cluster is not one line of 1 to 256 bytes. Write cluster: demo."),
    ]

    @Test("The cluster, its leases and gateways", arguments: whole)
    func refusesWhole(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }

    /// Nodes.
    static let nodes = [
        Edit(
            "  t1:\n", "  t 1:\n",
            gives: "cluster.yaml:16: \"t 1\" is not a name for a node. "
                + "Write 1 to 63 letters, digits, points, hyphens or underscores."),
        Edit(
            "role: router", "role: routr",
            gives: "cluster.yaml:11: role is \"routr\"; router, target or endpoint is wanted. Write role: router."),
        Edit(
            "role: router", "role: boss",
            gives: "cluster.yaml:11: role is \"boss\"; router, target or endpoint is wanted. Write role: target."),
        Edit(
            "client0", "a-name-too-long-for-it",
            gives:
                "cluster.yaml:12: clientInterface is \"a-name-too-long-for-it\", which is not the name of an "
                + "interface. "
                + "Write clientInterface: client0."),
        Edit(
            "port: auto", "port: afxdp",
            gives: "cluster.yaml:15: port is \"afxdp\"; auto, af_xdp or packet_socket is wanted. Write port: af_xdp."),
        Edit(
            "192.0.2.11 ", "192.0.2.1 ",
            gives: "cluster.yaml:16: \"t1\" has the trustedAddress of \"router1\", 192.0.2.1. "
                + "Give each node an address of its own."),
        Edit(
            "192.0.2.11 ", "192.0.2.256 ",
            gives: "cluster.yaml:18: trustedAddress is \"192.0.2.256\"; an IP address is wanted. "
                + "Write trustedAddress: 192.0.2.11."),
        Edit(
            "192.0.2.11 ", "2001:db8::1 ",
            gives: "cluster.yaml:16: the trustedAddress of \"t1\" is 2001:db8::1, that of \"router1\" 192.0.2.1. "
                + "Give all nodes trusted addresses of one family: GRE between them has one."),
        Edit(
            "192.0.2.11 ", "224.0.0.1 ",
            gives: "cluster.yaml:18: trustedAddress is 224.0.0.1, which is not the address of a host. "
                + "Write trustedAddress: 192.0.2.11."),
        Edit(
            "mtu: 1400                       #", "mtu: 1279 #",
            gives: "cluster.yaml:19: mtu is 1279; 1280 to 9000 is allowed. Write mtu: 1400."),
        Edit(
            "[10.71.0.1]", "[10.71.0.1, 10.71.0.1]",
            gives: "cluster.yaml:22: addresses holds \"10.71.0.1\" twice. Remove one."),
        Edit(
            "    trustedAddress: 192.0.2.1 ", "    trustedAddress: here ",
            gives: "cluster.yaml:14: trustedAddress is \"here\"; an IP address is wanted. "
                + "Write trustedAddress: 192.0.2.1."),
    ]

    @Test("Nodes", arguments: nodes)
    func refusesNodes(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }

    /// DVIPAs and services.
    static let services = [
        Edit(
            "address: 10.72.0.10", "address: \"::1\"",
            gives: "cluster.yaml:28: address is ::1, which is not the address of a host. "
                + "Write address: 10.72.0.10."),
        Edit(
            "        protocol: tcp ", "        protocol: icmp ",
            gives:
                "cluster.yaml:31: icmp needs no service: echo requests are answered, and errors go to the connection "
                + "they are about. Remove this service, or write protocol: udp."),
        Edit(
            "        protocol: tcp ", "        protocol: tpc ",
            gives:
                "cluster.yaml:31: protocol is \"tpc\"; tcp, udp, a number or one of sctp, dccp, udplite, gre, esp, ah, "
                + "ipip, l2tp, ospf, pim, vrrp is wanted. Write protocol: tcp."),
        Edit(
            "        protocol: tcp ", "        protocol: 256 ",
            gives: "cluster.yaml:31: protocol is 256; 0 to 255 is allowed. Write protocol: tcp."),
        Edit(
            "        protocol: tcp ", "        protocol: 59 ",
            gives: "cluster.yaml:31: 59 says that nothing follows. Remove this service, or write protocol: udp."),
        Edit(
            "        protocol: tcp ", "        protocol: gre ",
            gives: "cluster.yaml:32: ports is there, but gre has none. Remove ports: the service is the whole protocol."
        ),
        Edit(
            "        ports: [80, 443, \"8000-8999\"]\n", "",
            gives: "cluster.yaml:30: a service of 10.72.0.10 has no ports. Add ports: [80, 443]."),
        Edit(
            Page.service,
            "      - {protocol: gre, targets: [t1]}\n      - {name: other, protocol: 47, targets: [t1]} ",
            gives: "cluster.yaml:31: gre of 10.72.0.10 is served by \"10.72.0.10/gre\" already. "
                + "Put all its targets into one service."),
        Edit(
            "targets: [t1] ", "steering: {method: maglev} #",
            gives: "cluster.yaml:33: method is \"maglev\"; round-robin, weighted, active-connections, hot-standby or "
                + "consistent-hash is wanted. Write method: weighted."),
        Edit(
            "targets: [t1] ", "steering: {method: hot-stanby} #",
            gives:
                "cluster.yaml:33: method is \"hot-stanby\"; round-robin, weighted, active-connections, hot-standby or "
                + "consistent-hash is wanted. Write method: hot-standby."),
        Edit(
            "targets: [t1] ", "steering: {affinity: 0} #",
            gives: "cluster.yaml:33: affinity is 0; 1 to 86400 seconds is allowed. Write affinity: 300."),
        Edit(
            "targets: [t1] ", "steering: {methode: weighted} #",
            gives: "cluster.yaml:33: steering has an unknown key \"methode\". Write method, or remove it."),
        Edit(
            "[80, 443, \"8000-8999\"]", "[80, 0]",
            gives: "cluster.yaml:32: ports holds \"0\"; a port or a range first-last, 1 to 65535, is wanted. "
                + "Write ports: [80, 443]."),
        Edit(
            "[80, 443, \"8000-8999\"]", "[80-79]",
            gives: "cluster.yaml:32: ports holds \"80-79\"; a port or a range first-last, 1 to 65535, is wanted. "
                + "Write ports: [80, 443]."),
        Edit(
            "[80, 443, \"8000-8999\"]", "[8000-9000, 8001]",
            gives: "cluster.yaml:32: ports names port 8001 twice. Remove one."),
        Edit(
            "[80, 443, \"8000-8999\"]", "[]",
            gives: "cluster.yaml:32: ports is an empty list. Write ports: [80, 443]."),
        Edit(
            "[80, 443, \"8000-8999\"]", "80",
            gives: "cluster.yaml:32: ports is \"80\"; a list is wanted. Write ports: [80, 443]."),
        Edit(
            "targets: [t1]", "targets: [t2]",
            gives: "cluster.yaml:33: there is no node \"t2\". Did you mean \"t1\"? Nodes of role target are t1."),
        Edit(
            "targets: [t1]", "targets: [router1]",
            gives: "cluster.yaml:33: \"router1\" is a node of role router, not target. Nodes of role target are t1."),
        Edit(
            "targets: [t1]", "targets: [t1, t1]",
            gives: "cluster.yaml:33: targets holds \"t1\" twice. Remove one."),
        Edit(
            "targets: [t1]", "targets: []",
            gives: "cluster.yaml:33: targets is an empty list. Write targets: [t1]."),
        Edit(
            "        targets: [t1]               # optional: all targets\n",
            "        targets: [t1]\n      - {name: other, protocol: tcp, ports: [8080]}\n",
            gives: "cluster.yaml:34: port 8080 of 10.72.0.10 is served by \"web\" already. "
                + "Name each port in one service only."),
        Edit(
            "        targets: [t1]               # optional: all targets\n",
            "        targets: [t1]\n  - {address: 10.72.0.10, services: []}\n",
            gives: "cluster.yaml:34: 10.72.0.10 is a DVIPA already. Put all its services under one address."),
        Edit(
            Page.service,
            "      - {protocol: tcp, ports: [80]}\n      - {name: 10.72.0.10/tcp/80, protocol: tcp, ports: "
                + "[81], targets: [t1]} ",
            gives: "cluster.yaml:31: 10.72.0.10 has a service \"10.72.0.10/tcp/80\" already. "
                + "Give each service of a DVIPA a name of its own."),
        Edit(
            "[80, 443, \"8000-8999\"]", "[[80]]",
            gives: "cluster.yaml:32: ports holds a list; a port or a range first-last, 1 to 65535, is wanted. "
                + "Write ports: [80, 443]."),
    ]

    @Test("DVIPAs and services", arguments: services)
    func refusesServices(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }
}

/// The keys of a section, each with a value that would be right: all that can be written in the file, on one page.
struct Form: Sendable {
    private let examples: [(key: String, value: String)]

    init(_ examples: KeyValuePairs<String, String>) {
        self.examples = examples.map { ($0.key, $0.value) }
    }

    var keys: [String] { examples.map(\.key) }
    var keyList: String { keys.joined(separator: ", ") }
    func knows(_ key: String) -> Bool { examples.contains { $0.key == key } }

    /// Traps when the form does not know the key.
    func example(of key: String) -> String { examples.first { $0.key == key }!.value }

    /// Behind these stands what no message may hold.
    private static let secretKeys = ["key", "salt", "presharedKey", "secret"]

    /// Of an unknown key, what a message may show: without the space behind the colon a key and its value are one key.
    func shown(_ key: String) -> String {
        guard let known = Self.secretKeys.first(where: { knows($0) && key.hasPrefix($0) }) else { return key }
        return known + "…"
    }

    static let cluster = Form([
        "cluster": "demo",
        "epoch": "1",
        "verify": "router",
        "stateDirectory": "/var/lib/viaduct",
        "leases": "{port: 4510}",
        "health": "{silenceMilliseconds: 800}",
        "limits": "{connections: 131072}",
        "link": "{credentials: /etc/viaduct/link}",
        "nodes": "{t1: {role: target, trustedAddress: 192.0.2.11}}",
        "gateways": "[198.51.100.1]",
        "dvipas": "[{address: 10.72.0.10, services: [{protocol: tcp, ports: [80]}]}]",
        "securityAssociations": "[]",
        "filters": "{at: router, rules: \(filterRules)}",
        "clusterKey": "/etc/viaduct/cluster.key",
        "formerClusterKeys": "[/etc/viaduct/former.key]",
        "coupling": "{kind: embedded}",
        "ike": "{connections: \(connections)}",
    ])

    static let embeddedCoupling = Form(["kind": "embedded", "at": "router1", "leaseSeconds": "5"])

    static let etcdCoupling = Form([
        "kind": "etcd",
        "endpoints": "[https://10.0.0.1:2379]",
        "authority": "/etc/viaduct/etcd-ca.pem",
        "certificate": "/etc/viaduct/etcd.pem",
        "privateKey": "/etc/viaduct/etcd.key",
        "leaseSeconds": "5",
    ])

    static let leases = Form(["port": "4510", "validityMilliseconds": "10"])

    static let link = Form(["port": "4520", "credentials": "/etc/viaduct/link"])

    static let health = Form(["silenceMilliseconds": "800", "probeMilliseconds": "200", "whenLost": "move"])

    static let limits = Form([
        "connections": "131072", "halfOpen": "32768", "halfOpenPerAssociation": "4096", "affinities": "65536",
    ])

    static let router = Form([
        "role": "router",
        "clientInterface": "client0",
        "trustedInterface": "trusted0",
        "trustedAddress": "192.0.2.1",
        "port": "auto",
        "workers": "auto",
    ])

    static let target = Form([
        "role": "target", "trustedAddress": "192.0.2.11", "mtu": "1400", "weight": "1",
        "transforms": "[aes128gcm16, aes256gcm16]", "delivery": "tun",
    ])

    static let endpoint = Form(["role": "endpoint", "addresses": "[10.71.0.1]", "mtu": "1400"])

    static let dvipa = Form([
        "address": "10.72.0.10",
        "services": "[{protocol: tcp, ports: [80]}]",
    ])

    static let service = Form([
        "name": "web",
        "protocol": "tcp",
        "ports": "[80, 443]",
        "targets": "[t1]",
        "steering": "{method: weighted}",
    ])

    static let steering = Form(["method": "weighted", "affinity": "300"])

    static let securityAssociation = Form([
        "name": "client-in",
        "spi": "0xc472877a",
        "direction": "inbound",
        "mode": "tunnel",
        "source": "198.51.100.10",
        "destination": "198.51.100.1",
        "algorithm": "aes256gcm16",
        "key": "the key in hexadecimal digits, in quotes",
        "salt": "the salt in hexadecimal digits, in quotes",
        "authenticationKey": "the integrity algorithm's key in hexadecimal digits, in quotes",
        "replayWindow": "64",
        "extendedSequenceNumbers": "true",
        "udpEncapsulation": "{remotePort: 4500}",
        "endpoint": "client",
        "selectors": "{remote: [10.71.0.0/24], local: [10.72.0.0/24]}",
    ])

    static let selectors = Form([
        "remote": "[10.71.0.0/24]",
        "local": "[10.72.0.0/24]",
        "protocol": "tcp",
        "remotePorts": "[1024-65535]",
        "localPorts": "[80, 443]",
    ])

    private static let filterRules = "[{action: deny, protocol: tcp, ports: [23]}]"

    static let filters = Form(["at": "router", "default": "allow", "rules": filterRules])

    static let filterRule = Form([
        "name": "no-telnet",
        "action": "deny",
        "from": "10.71.0.0/16",
        "to": "10.72.0.10",
        "protocol": "tcp",
        "ports": "[23, 8000-8999]",
        "sourcePorts": "[1024-65535]",
    ])

    static let udpEncapsulation = Form(["remotePort": "4500", "localPort": "4500"])
}

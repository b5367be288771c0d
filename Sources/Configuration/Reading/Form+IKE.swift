/// The keys of `ike` and below.
extension Form {
    /// The least that can be written.
    static let connections =
        "[{name: branch, localID: gw.example, presharedKeyFile: /etc/viaduct/branch.psk, child: \(childKeys)}]"
    private static let childKeys = "{mode: tunnel, local: [10.72.0.10/32], remote: [10.71.0.0/24]}"

    static let ike = Form([
        "listen": "[198.51.100.1]",
        "cookieThreshold": "100",
        "maximumHalfOpen": "1000",
        "maximumHalfOpenPerAddress": "10",
        "connections": connections,
    ])

    static let connection = Form([
        "name": "branch",
        "local": "198.51.100.1",
        "remote": "198.51.100.10",
        "start": "initiate",
        "proposals": "[aes128gcm16-prfsha256-x25519]",
        "localID": "gw.example",
        "remoteID": "client.example",
        "presharedKey": "a secret in quotes, or 0x and hexadecimal digits",
        "presharedKeyFile": "/etc/viaduct/branch.psk",
        "certificate": "/etc/viaduct/gw.pem",
        "privateKey": "/etc/viaduct/gw.key",
        "authorities": "[/etc/viaduct/ca.pem]",
        "revocationLists": "[/etc/viaduct/ca.crl]",
        "revocation": "use",
        "remoteAuthentication": "certificate",
        "ppk": "{id: q1, secret: a secret in quotes}",
        "fragmentSize": "1280",
        "mobike": "true",
        "deadPeerSeconds": "30",
        "rekeySeconds": "14400",
        "reauthenticateSeconds": "0",
        "child": childKeys,
    ])

    static let ppk = Form([
        "id": "q1",
        "secret": "a secret in quotes, or 0x and hexadecimal digits",
        "required": "false",
    ])

    static let child = Form([
        "mode": "tunnel",
        "proposals": "[aes256gcm16]",
        "local": "[10.72.0.10/32]",
        "remote": "[10.71.0.0/24]",
        "protocol": "tcp",
        "localPorts": "[80, 443]",
        "remotePorts": "[1024-65535]",
        "replayWindow": "128",
        "peerReplayWindow": "32",
        "rekeySeconds": "3600",
        "rekeyBytes": "0",
        "rekeyPackets": "0",
        "perTarget": "auto",
    ])
}

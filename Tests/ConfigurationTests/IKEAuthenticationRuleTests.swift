import Associations
import Testing

@testable import Configuration

/// The rules for how the ends of a connection authenticate: one edit of the page's example, one message.
@Suite struct IKEAuthenticationRuleTests {
    static let sharedKey = "      presharedKey: \"0x5c1f0a77d2be4b1993a45d6e80c3f7126b9d0e54\" "
    static let ppk = "secret: \"zJ9wQk3vT7mX2cLr5HdYb8NfPs4GuAe6\""

    static let rules = [
        IKERuleTests.edit(
            sharedKey, "      # ",
            gives: "62: connection \"branch\" has neither presharedKey nor certificate. "
                + "Add presharedKeyFile: /etc/viaduct/branch.psk, or certificate, privateKey and authorities."),
        IKERuleTests.edit(
            sharedKey, "      presharedKeyFile: /etc/viaduct/branch.psk\n" + sharedKey,
            gives: "69: presharedKey and presharedKeyFile are both there. Remove one of the two."),
        IKERuleTests.edit(
            sharedKey, "      presharedKey: \"\" ",
            gives: "69: presharedKey is not a text. "
                + "Write presharedKey: a secret in quotes, or 0x and hexadecimal digits."),
        IKERuleTests.edit(
            sharedKey, "      presharedKey: 5512340987651234 ",
            gives: "69: YAML reads this presharedKey as something else than text. Put it in quotes."),
        IKERuleTests.edit(
            sharedKey, "      presharedKey: \"0x5c1f0a77d2be4b1993a45d6e80c3f7126b9d0e5\" ",
            gives: "69: presharedKey of connection \"branch\" begins with 0x, but an even number of hexadecimal digits "
                + "does not follow. Write two digits, 0-9 and a-f, for each byte."),
        IKERuleTests.edit(
            sharedKey, "      presharedKey: \"0x\" ",
            gives: "69: presharedKey of connection \"branch\" begins with 0x, but an even number of hexadecimal digits "
                + "does not follow. Write two digits, 0-9 and a-f, for each byte."),
        IKERuleTests.edit(
            sharedKey, "      presharedKey: \"\(String(repeating: "x", count: 4097))\" ",
            gives: "69: presharedKey is longer than 4096 bytes, which no key is. "
                + "Write presharedKey: a secret in quotes, or 0x and hexadecimal digits."),
        IKERuleTests.edit(
            sharedKey, sharedKey + "\n      authorities: [/etc/viaduct/ca.pem]",
            gives: "70: authorities is there, but the peer authenticates with a shared key. "
                + "Write remoteAuthentication: certificate, or remove authorities."),
        IKERuleTests.edit(
            sharedKey, sharedKey + "\n      revocation: use",
            gives: "70: revocation is there, but the peer authenticates with a shared key. "
                + "Write remoteAuthentication: certificate, or remove revocation."),
        IKERuleTests.edit(
            sharedKey, sharedKey + "\n      privateKey: /etc/viaduct/gw.key",
            gives: "70: privateKey is there, but no certificate. "
                + "Add certificate: /etc/viaduct/gw.pem, or remove privateKey."),
        IKERuleTests.edit(
            "certificate: /etc/viaduct/gw.pem ", "certificate: gw.pem ",
            gives: "92: certificate is \"gw.pem\", which is not an absolute path. "
                + "Write certificate: /etc/viaduct/gw.pem."),
        IKERuleTests.edit(
            "      privateKey: /etc/viaduct/gw.key", "      #",
            gives: "89: connection \"laptops\" has no privateKey. Add privateKey: /etc/viaduct/gw.key."),
        IKERuleTests.edit(
            "      authorities: [/etc/viaduct/ca.pem] ", "      # ",
            gives: "89: connection \"laptops\" has no authorities. Add authorities: [/etc/viaduct/ca.pem]."),
        IKERuleTests.edit(
            "      authorities: [/etc/viaduct/ca.pem] ", "      authorities: [] ",
            gives: "94: authorities is an empty list. Write authorities: [/etc/viaduct/ca.pem]."),
        IKERuleTests.edit(
            "[/etc/viaduct/ca.crl]", "[\((1...65).map { "/\($0)" }.joined(separator: ", "))]",
            gives: "95: revocationLists holds 65 files; 64 is the most. Put several into one PEM file."),
        IKERuleTests.edit(
            "revocation: use ", "revocation: strict ",
            gives: "96: revocation is \"strict\"; require, use or ignore is wanted. Write revocation: use."),
        IKERuleTests.edit(
            "      revocationLists: [/etc/viaduct/ca.crl]  # optional\n      revocation: use ",
            "      revocation: require ",
            gives: "95: revocation is require, but there are no revocationLists: no peer could authenticate. "
                + "Add revocationLists: [/etc/viaduct/ca.crl], or write revocation: use."),
        IKERuleTests.edit(
            "remoteAuthentication: certificate ", "remoteAuthentication: psk ",
            gives: "97: remoteAuthentication is \"psk\"; presharedKey or certificate is wanted. "
                + "Write remoteAuthentication: certificate."),
        IKERuleTests.edit(
            "remoteAuthentication: certificate ", "remoteAuthentication: presharedKey ",
            gives: "89: connection \"laptops\" has remoteAuthentication: presharedKey, but no presharedKey. "
                + "Add presharedKeyFile: /etc/viaduct/branch.psk, or write remoteAuthentication: certificate."),
        IKERuleTests.edit(
            "remoteAuthentication: certificate ", "presharedKeyFile: /etc/viaduct/branch.psk ",
            gives: "89: connection \"laptops\" has a presharedKey, which neither end would use. "
                + "Remove it, or write remoteAuthentication: presharedKey."),
        IKERuleTests.edit(
            "id: q1, ", "",
            gives: "70: ppk of connection \"branch\" has no id. Add id: q1."),
        IKERuleTests.edit(
            "required: false}", "required: no}",
            gives: "70: required is \"no\"; true or false is wanted. Write required: false."),
        IKERuleTests.edit(
            "required: false}", "require: false}",
            gives: "70: ppk of connection \"branch\" has an unknown key \"require\". Write required, or remove it."),
    ]

    @Test("Authentication", arguments: rules)
    func refuses(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }

    @Test func eachEndMayAuthenticateInAnotherWay() throws {
        let oursByKey = try connection(
            0, Self.sharedKey,
            Self.sharedKey
                + "\n      remoteAuthentication: certificate\n      authorities: [/etc/viaduct/ca.pem]\n      #")
        guard case .presharedKey = oursByKey.credential,
            case .certificate(["/etc/viaduct/ca.pem"], [], .use) = oursByKey.requirement
        else {
            Issue.record("\(oursByKey.credential), \(oursByKey.requirement)")
            return
        }
        let theirsByKey = try connection(
            1, "      privateKey: /etc/viaduct/gw.key",
            "      privateKey: /etc/viaduct/gw.key\n      presharedKeyFile: /etc/viaduct/branch.psk\n"
                + "      remoteAuthentication: presharedKey",
            in: Page.without("authorities", "revocation", "remoteAuthentication", in: Page.withIKE))
        guard case .certificate = theirsByKey.credential, case .presharedKey(let key) = theirsByKey.requirement else {
            Issue.record("\(theirsByKey.credential), \(theirsByKey.requirement)")
            return
        }
        #expect(key.withUnsafeBytes { Array($0) } == Array("a secret of at least 16 bytes".utf8))
    }

    @Test func textIsTakenByteForByte() throws {
        let connection = try connection(0, Self.sharedKey, "      presharedKey: \"correct hörse battery staple\" ")
        guard case .presharedKey(let key) = connection.credential else {
            Issue.record("no shared key")
            return
        }
        #expect(key.withUnsafeBytes { Array($0) } == Array("correct hörse battery staple".utf8))
    }

    /// Keys are no use to whoever reads a message, and messages end up in logs. Where a path is wanted, somebody may
    /// have written the secret itself.
    @Test(arguments: [
        (sharedKey, "      presharedKey: [\"5ecre7\"] "), (sharedKey, "      presharedKey: {5ecre7: 1} "),
        (sharedKey, "      presharedKey: !x 5ecre7 "), (sharedKey, "      presharedKey: 0x5ecre7 "),
        (sharedKey, "      presharedKey: \"0x5ecre7\" "), (sharedKey, "      presharedKey: \"5ecre7 "),
        (sharedKey, "      presharedKeyFile: 5ecre7 "), (sharedKey, "      presharedKeyFile: [5ecre7] "),
        (ppk, "secret: [5ecre7]"), (ppk, "secret: \"0x5ecre7\""), (ppk, "secret: {a: 5ecre7}"),
        ("clusterKey: /etc/viaduct/cluster.key ", "clusterKey: 5ecre7 "),
        ("clusterKey: /etc/viaduct/cluster.key ", "clusterKey: [5ecre7] "),
        ("privateKey: /etc/viaduct/gw.key", "privateKey: 5ecre7"),
    ])
    func noMessageHoldsASecret(old: String, new: String) throws {
        let shown = try #require(message(Edit.applying(old, new, to: Page.withIKE)))
        #expect(!shown.contains("5ecre7"), "\(shown)")
    }

    private func connection(_ index: Int, _ old: String, _ new: String, in yaml: String = Page.withIKE) throws
        -> IKEConnection
    {
        let cluster = try ClusterConfiguration(
            yaml: Edit.applying(old, new, to: yaml), file: "cluster.yaml", files: HeldFiles().reader)
        return try #require(cluster.ike).connections[index]
    }
}

import ControlPlane
import SwiftASN1
import Testing
import Wire
import X509

@testable import Credentials

/// Whom a certificate vouches for.
@Suite struct IdentityTests {
    private func refusal(_ identification: IdentificationPayload, by name: String = "a-ecdsa256") async throws
        -> String?
    {
        let judge = CertificateJudge(try Sample.trust(intermediates: ["intermediate"]))
        return try await judge.refusal([name], as: identification)
    }

    private static func email(_ text: String) -> IdentificationPayload {
        IdentificationPayload(.rfc822Address, data: Array(text.utf8))
    }

    @Test(arguments: [
        Sample.fqdn("a.example"), Sample.fqdn("A.Example"), email("Operator@a.example"), email("Operator@A.EXAMPLE"),
        IdentificationPayload(.ipv4Address, data: [10, 0, 0, 1]),
        IdentificationPayload(.ipv6Address, data: [0x20, 1, 0x0D, 0xB8] + [UInt8](repeating: 0, count: 11) + [1]),
    ]) func vouchedFor(_ identification: IdentificationPayload) async throws {
        #expect(try await refusal(identification) == nil)
    }

    @Test(arguments: [
        Sample.fqdn("b.example"), Sample.fqdn("a.example."), Sample.fqdn("x.a.example"), Sample.fqdn(""),
        Sample.fqdn("a.example\0"), email("operator@a.example"), email("a.example"), email("Operator@b.example"),
        IdentificationPayload(.ipv4Address, data: [10, 0, 0, 2]),
        IdentificationPayload(.keyID, data: Array("a.example".utf8)), IdentificationPayload(.derASN1DN, data: []),
        IdentificationPayload(.derASN1DN, data: [0x30, 0]), IdentificationPayload(.derASN1DN, data: [1, 2, 3]),
        IdentificationPayload(.derASN1GN, data: [0x82, 9] + Array("a.example".utf8)),
        IdentificationPayload(.null, data: []),
    ]) func notVouchedFor(_ identification: IdentificationPayload) async throws {
        #expect(
            try await refusal(identification)
                == "CN=a-ecdsa256,O=Viaduct tests,C=CH does not vouch for that identification, only for its subject, "
                + #""a.example", "Operator@A.example", 10.0.0.1, an address of 16 bytes"#)
    }

    /// RFC 4945 has neither.
    @Test func neitherWildcardsNorCommonNames() async throws {
        #expect(try await refusal(Sample.fqdn("a.example"), by: "wildcard") != nil)
        #expect(try await refusal(Sample.fqdn("a.example"), by: "no-names") != nil)
    }

    private func encoded(_ name: DistinguishedName) throws -> IdentificationPayload {
        var serializer = DER.Serializer()
        try serializer.serialize(name)
        return IdentificationPayload(.derASN1DN, data: serializer.serializedBytes)
    }

    @Test func distinguishedNames() async throws {
        let subject = try KnownCertificate(try Sample.der("a-ecdsa256")).subject
        #expect(try await refusal(try encoded(subject)) == nil)
        // The same text in another string type.
        let printable = try DistinguishedName(
            subject.map { relative in
                RelativeDistinguishedName(
                    try relative.map { try .init(type: $0.type, printableString: String($0.value)!) })
            })
        #expect(printable != subject)
        #expect(try await refusal(try encoded(printable)) == nil)
        #expect(try await refusal(try encoded(DistinguishedName(subject.reversed()))) != nil)
        #expect(try await refusal(try encoded(DistinguishedName(subject.dropLast()))) != nil)
    }
}

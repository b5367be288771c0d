import Associations
import ControlPlane
import Foundation
import Testing

@testable import Credentials

/// What operators give us, and what they are told of it.
@Suite struct FileTests {
    @Test(arguments: ["rsa2048", "rsa3072", "ecdsa256", "ecdsa384", "ecdsa521", "ed25519"])
    func aChainInOrder(_ kind: String) throws {
        let credential = try CertificateCredential(
            certificates: ["root.pem", "intermediate.pem", "a-\(kind).pem"].map(Sample.source),
            key: Sample.source("a-\(kind).key"))
        // The root is not sent.
        #expect(try credential.chain == [Sample.der("a-\(kind)"), Sample.der("intermediate")])
    }

    @Test(arguments: [("sec1.key", "a-ecdsa256"), ("parameters.key", "a-ecdsa256"), ("pkcs1.key", "a-rsa2048")])
    func otherFormsOfKeys(_ key: String, _ certificate: String) throws {
        let credential = try CertificateCredential(
            certificates: [Sample.source("\(certificate).pem")], key: Sample.source(key))
        #expect(credential.chain.count == 1)
    }

    private func words(_ body: () throws -> Void) -> String? {
        do { try body() } catch { return "\(error)" }
        return nil
    }

    @Test func faultsSayWhatToDo() throws {
        func load(_ certificates: [String], _ key: String) -> String? {
            words {
                _ = try CertificateCredential(certificates: certificates.map(Sample.source), key: Sample.source(key))
            }
        }
        #expect(
            load(["a-ecdsa256.pem"], "locked.key")
                == #"locked.key: the key is encrypted; decrypt it by "openssl pkey -in locked.key -out FILE""#)
        #expect(
            load(["a-ecdsa256.pem"], "a-ecdsa384.key")
                == "a-ecdsa384.key: it is not the key of CN=a-ecdsa256,O=Viaduct tests,C=CH; name the certificate that was "
                + "made for this key")
        #expect(
            load(["sec1.key"], "sec1.key")
                == #"sec1.key: it holds only EC PRIVATE KEY; it has to hold "-----BEGIN CERTIFICATE-----""#)
        #expect(
            load(["a-ecdsa256.pem"], "a-ecdsa256.pem")?.hasPrefix("a-ecdsa256.pem: this is not an unencrypted") == true)
        #expect(load(["weak.pem"], "sec1.key")?.contains("certificate 1: a key of this kind (1024 bits)") == true)
        #expect(
            words { _ = try CredentialSource(file: "/nonexistent/key.pem") }
                == "/nonexistent/key.pem: it cannot be read; see that it exists and that viaduct may read it")
        #expect(words { _ = try Sample.trust(["weak-authority"]) }?.contains("1024 bits") == true)
        let empty = CredentialSource(name: "empty.pem", bytes: [])
        #expect(words { _ = try Trust(authorities: [empty], revocation: .use) }?.hasPrefix("empty.pem: ") == true)
    }

    @Test func filesAreRead() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "credentials-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func file(_ name: String, _ parts: [String]) throws -> String {
            let path = folder.appending(path: name)
            try Data(parts.flatMap { Sample.source($0).bytes }).write(to: path)
            return path.path
        }
        let chain = try file("chain.pem", ["a-ed25519.pem", "intermediate.pem"])
        let key = try file("own.key", ["a-ed25519.key"])
        let credential = try CertificateCredential(certificateFiles: [chain], keyFile: key)
        #expect(credential.chain.count == 2)
        let trust = try Trust(
            authorityFiles: [file("root.pem", ["root.pem", "other-root.pem"])],
            revocationListFiles: [file("crl.pem", ["root.crl", "intermediate.crl"])], revocation: .require)
        #expect(trust.authorities.count == 2 && trust.lists.count == 2)
        let der = folder.appending(path: "root.der")
        try Data(Sample.der("root")).write(to: der)
        #expect(try Trust(authorityFiles: [der.path], revocation: .ignore).authorities.count == 1)
    }

    /// As openssl has it: SHA-1 over the DER of the key.
    @Test func authoritiesAreNamedByTheirKeys() throws {
        let trust = try Sample.trust(["root", "rsa-root"])
        let hashes = trust.requirement().authorityKeyHashes
        #expect(hashes.count == 2 && hashes.allSatisfy { $0.count == 20 })
        #expect(hashes[0] != hashes[1])
    }
}

import Associations
import Testing

@testable import ControlPlane

/// Sessions of two strongSwan daemons with all their keys: what they derived we derive, what they sealed we open.
@Suite struct RecordedSessionTests {
    struct Keys: Decodable, Sendable {
        var sharedSecret, skeyseed, skD, skEi, skEr, skPi, skPr: Hex
        var skAi, skAr: Hex?
    }

    struct Mixed: Decodable, Sendable { var ppk, skD, skPi, skPr: Hex }
    struct Authentication: Decodable, Sendable { var identification, octets, secret, code: Hex }

    struct Child: Decodable, Sendable {
        var sharedSecret: Hex?
        var encryptionInitiator, encryptionResponder: Hex
        var integrityInitiator, integrityResponder: Hex?
    }

    struct Session: Decodable, Sendable {
        var initRequest, initResponse, authRequest, authResponse: Hex
        var childRekeyRequest, childRekeyResponse, ikeRekeyRequest, ikeRekeyResponse: Hex
        var ikeSA, rekeyedIKESA: Keys
        var mixed: Mixed?
        var initiatorAuth, responderAuth: Authentication
        var firstChild, rekeyedChild: Child
    }

    struct Recording: Sendable {
        var name: String
        var prf: PRF
        var protection: ProtectionAlgorithm
        var child: ChildKeySizes
    }

    static let recordings = [
        Recording(
            name: "session-aes128gcm16-x25519", prf: .prfsha256, protection: ProtectionAlgorithm(.aes128gcm16)!,
            child: ChildKeySizes(.aes128gcm16)),
        Recording(
            name: "session-aes256-sha512-modp2048", prf: .prfsha512, protection: ProtectionAlgorithm(.aes256, .sha512)!,
            child: ChildKeySizes(.aes256gcm16)),
        Recording(
            name: "session-chacha20poly1305-ecp384", prf: .prfsha384,
            protection: ProtectionAlgorithm(.chacha20poly1305)!, child: ChildKeySizes(encryption: 32, integrity: 32)),
        Recording(
            name: "session-ppk-ecp256", prf: .prfsha384, protection: ProtectionAlgorithm(.aes256gcm16)!,
            child: ChildKeySizes(.aes128gcm16)),
        Recording(
            name: "session-aes128-sha256-ecp521", prf: .prfsha256, protection: ProtectionAlgorithm(.aes128, .sha256)!,
            child: ChildKeySizes(encryption: 16, integrity: 48)),
        Recording(
            name: "session-aes192-sha384-modp3072", prf: .prfsha384, protection: ProtectionAlgorithm(.aes192, .sha384)!,
            child: ChildKeySizes(encryption: 24, salt: 4)),
    ]

    @Test(arguments: recordings) func everyKeyAndEveryMessage(_ recording: Recording) throws {
        let session: Session = try fixture(recording.name)
        let (prf, protection) = (recording.prf, recording.protection)

        // IKE_SA_INIT.
        let request = Payloads(message: session.initRequest.bytes)
        let response = Payloads(message: session.initResponse.bytes)
        let seed = IKESeed(
            initiatorNonce: request[.nonce], responderNonce: response[.nonce],
            initiatorSPI: number(session.initResponse.bytes[0..<8]),
            responderSPI: number(session.initResponse.bytes[8..<16]))
        let first = IKEKeys(
            sharedSecret: session.ikeSA.sharedSecret.secret, prf: prf, protection: protection, seed: seed)
        expect(first, session.ikeSA)
        var keys = first
        if let mixed = session.mixed {
            keys = keys.mixing(ppk: mixed.ppk.secret)
            #expect(keys.skD.shown == mixed.skD.bytes)
            #expect(keys.skPi.shown == mixed.skPi.bytes)
            #expect(keys.skPr.shown == mixed.skPr.bytes)
            #expect(keys.skEi.matches(first.skEi) && keys.skAr.matches(first.skAr))
        }

        // IKE_AUTH.
        for (role, message, initial, nonce, authentication, identification): (_, _, _, _, _, Payloads.Kind) in [
            (
                IKERole.initiator, session.authRequest, session.initRequest, seed.responderNonce, session.initiatorAuth,
                .initiatorID
            ),
            (
                .responder, session.authResponse, session.initResponse, seed.initiatorNonce, session.responderAuth,
                .responderID
            ),
        ] {
            let payloads = try open(message.bytes, keys, role)
            #expect(payloads[identification] == authentication.identification.bytes)
            // Method 2 (shared key) and three zero bytes stand before the data.
            #expect(payloads[.authentication] == [2, 0, 0, 0] + authentication.code.bytes)
            let octets = keys.signedOctets(
                of: role, message: initial.bytes, peerNonce: nonce, identification: payloads[identification])
            #expect(octets == authentication.octets.bytes)
            let secret = authentication.secret.secret
            #expect(keys.sharedKeyCode(secret, octets: octets) == authentication.code.bytes)
            #expect(keys.isSharedKeyCode(authentication.code.bytes, secret, octets: octets))
            #expect(!keys.isSharedKeyCode(authentication.code.bytes, secret, octets: octets + [0]))
            #expect(!keys.isSharedKeyCode(authentication.code.bytes.dropLast(), secret, octets: octets))
            #expect(!keys.isSharedKeyCode(authentication.code.bytes, SecretBytes([1]), octets: octets))
        }
        expect(
            ChildKeys(
                of: keys, initiatorNonce: seed.initiatorNonce, responderNonce: seed.responderNonce,
                sizes: recording.child), session.firstChild)

        // CREATE_CHILD_SA for a Child SA, with a key exchange.
        let childRequest = try open(session.childRekeyRequest.bytes, keys, .initiator)
        let childResponse = try open(session.childRekeyResponse.bytes, keys, .responder)
        expect(
            ChildKeys(
                of: keys, sharedSecret: session.rekeyedChild.sharedSecret?.secret,
                initiatorNonce: childRequest[.nonce], responderNonce: childResponse[.nonce], sizes: recording.child),
            session.rekeyedChild)

        // CREATE_CHILD_SA for the IKE SA: its SPIs stand in the proposals, behind 8 bytes.
        let ikeRequest = try open(session.ikeRekeyRequest.bytes, keys, .initiator)
        let ikeResponse = try open(session.ikeRekeyResponse.bytes, keys, .responder)
        let newSeed = IKESeed(
            initiatorNonce: ikeRequest[.nonce], responderNonce: ikeResponse[.nonce],
            initiatorSPI: number(ikeRequest[.securityAssociation][8..<16]),
            responderSPI: number(ikeResponse[.securityAssociation][8..<16]))
        let successor = keys.successor(
            sharedSecret: session.rekeyedIKESA.sharedSecret.secret, prf: prf, protection: protection, seed: newSeed)
        expect(successor, session.rekeyedIKESA)
        #expect(
            keys.successorSkeyseed(sharedSecret: session.rekeyedIKESA.sharedSecret.secret, seed: newSeed).shown
                == session.rekeyedIKESA.skeyseed.bytes)
    }

    private func number(_ bytes: ArraySlice<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }

    private func expect(_ keys: IKEKeys, _ known: Keys) {
        #expect(keys.skD.shown == known.skD.bytes)
        #expect(keys.skAi.shown == known.skAi?.bytes ?? [])
        #expect(keys.skAr.shown == known.skAr?.bytes ?? [])
        #expect(keys.skEi.shown == known.skEi.bytes)
        #expect(keys.skEr.shown == known.skEr.bytes)
        #expect(keys.skPi.shown == known.skPi.bytes)
        #expect(keys.skPr.shown == known.skPr.bytes)
    }

    private func expect(_ keys: ChildKeys, _ known: Child) {
        #expect(keys.fromInitiator.encryption.shown + keys.fromInitiator.salt.shown == known.encryptionInitiator.bytes)
        #expect(keys.fromResponder.encryption.shown + keys.fromResponder.salt.shown == known.encryptionResponder.bytes)
        #expect(keys.fromInitiator.integrity.shown == known.integrityInitiator?.bytes ?? [])
        #expect(keys.fromResponder.integrity.shown == known.integrityResponder?.bytes ?? [])
    }

    /// The payloads inside a message of the initiator or the responder; with an AEAD, sealing them again under the same
    /// number gives the same message.
    private func open(_ message: [UInt8], _ keys: IKEKeys, _ sender: IKERole) throws -> Payloads {
        let outer = Payloads(message: message)
        let offset = try #require(outer.encryptedOffset)
        let protection = keys.protection(of: sender)
        let plaintext = try #require(protection.open(message[offset...], associatedData: message[..<offset]))
        #expect(keys.protection(of: sender.other).open(message[offset...], associatedData: message[..<offset]) == nil)
        if keys.protection.integrity == nil {
            let again = protection.seal(
                plaintext, associatedData: Array(message[..<offset]), number: number(message[offset..<offset + 8]))
            #expect(again == Array(message[offset...]))
        }
        return Payloads(plaintext, first: outer.firstInside)
    }
}

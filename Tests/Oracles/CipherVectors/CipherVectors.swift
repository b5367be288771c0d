import CCrypto
import CVectors
import Foundation

/// Reads vectors, one a line, from its input and runs them through both providers:
///
///     KIND EXPECTATION KEY IV AAD TEXT SEALED TAG        hexadecimal, "-" for nothing
///
/// KIND is gcm, gmac, chacha, cbc, ctr, cbc-mct-seal, cbc-mct-open or an HMAC's hash; EXPECTATION is valid or invalid. Prints
/// for each line and provider what came of it (vectors.py counts): pass, FAIL, refused (the provider does not take it) or
/// absent (no such provider here).
@main
struct CipherVectors {
    typealias Octets = [UInt8]

    static func main() {
        let manager = crypto_mb_open()
        while let line = readLine() {
            let fields = line.split(separator: " ").map(String.init)
            let vector = Vector(fields)
            let multiBuffer = manager.map { "\(vector.run($0))" } ?? "absent"
            print(multiBuffer, vector.run(nil))
        }
        if let manager { crypto_mb_close(manager) }
    }
}

enum Outcome: String, CustomStringConvertible {
    case pass, refused
    case failed = "FAIL"
    var description: String { rawValue }
}

struct Vector {
    typealias Octets = CipherVectors.Octets
    let kind: String
    let isValid: Bool
    let key, iv, aad, text, sealed, tag: Octets

    init(_ fields: [String]) {
        precondition(fields.count == 8, "eight fields a line")
        kind = fields[0]
        isValid = fields[1] == "valid"
        func octets(_ index: Int) -> Octets {
            if fields[index] == "-" { return [] }
            let digits = Array(fields[index].utf8)
            precondition(digits.count % 2 == 0)
            return stride(from: 0, to: digits.count, by: 2).map {
                UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)!
            }
        }
        key = octets(2)
        iv = octets(3)
        aad = octets(4)
        text = octets(5)
        sealed = octets(6)
        tag = octets(7)
    }

    /// `body` sees an input whose pointers hold, and room for what comes out.
    private func with<T>(
        _ key: Octets, _ iv: Octets, _ source: Octets, _ body: (inout vectors_input, UnsafeMutableRawPointer) -> T
    ) -> T {
        // One byte more each: an empty array may have no address.
        (key + [0]).withUnsafeBytes { key in
            (iv + [0]).withUnsafeBytes { iv in
                (aad + [0]).withUnsafeBytes { aad in
                    (source + [0]).withUnsafeBytes { source in
                        withUnsafeTemporaryAllocation(byteCount: source.count + 64, alignment: 16) { room in
                            var input = vectors_input(
                                key: key.baseAddress!, key_bytes: key.count - 1, iv: iv.baseAddress!,
                                iv_bytes: iv.count - 1, aad: aad.baseAddress!, aad_bytes: aad.count - 1,
                                source: source.baseAddress!, bytes: source.count - 1)
                            return body(&input, room.baseAddress!)
                        }
                    }
                }
            }
        }
    }

    func run(_ manager: UnsafeMutablePointer<IMB_MGR>?) -> Outcome {
        switch kind {
        case "gcm": aead(manager, Int32(vectors_gcm))
        case "gmac": aead(manager, Int32(vectors_gmac))
        case "chacha": aead(manager, Int32(vectors_chacha20_poly1305))
        case "cbc", "ctr": both(manager, isCBC: kind == "cbc")
        case "cbc-mct-seal": verdict(monteCarlo(manager, encrypting: true, text) == sealed)
        case "cbc-mct-open": verdict(monteCarlo(manager, encrypting: false, sealed) == text)
        case "sha1": hmac(manager, Int32(esp_sha1))
        case "sha256": hmac(manager, Int32(esp_sha256))
        case "sha384": hmac(manager, Int32(esp_sha384))
        case "sha512": hmac(manager, Int32(esp_sha512))
        default: fatalError("no kind \(kind)")
        }
    }

    private func verdict(_ isRight: Bool) -> Outcome { isRight == isValid ? .pass : .failed }

    private func aead(_ manager: UnsafeMutablePointer<IMB_MGR>?, _ cipher: Int32) -> Outcome {
        func run(_ encrypting: Bool, _ source: Octets) -> (Octets, Octets)? {
            with(key, iv, source) { input, room in
                withUnsafeTemporaryAllocation(byteCount: 16, alignment: 16) { code in
                    guard vectors_aead(manager, cipher, encrypting ? 1 : 0, &input, room, code.baseAddress!) == 1 else {
                        return nil
                    }
                    return (
                        Octets(UnsafeRawBufferPointer(start: room, count: source.count)),
                        Octets(code).prefix(tag.count) + []
                    )
                }
            }
        }
        if isValid {
            guard let made = run(true, text) else { return .refused }
            guard made == (sealed, tag) else { return .failed }
        }
        guard manager != nil else {
            guard !iv.isEmpty else { return .refused }
            let opened = with(key, iv, sealed) { input, room in
                tag.withUnsafeBytes {
                    vectors_aead_open(cipher, &input, $0.baseAddress!, tag.count, room) == 1
                        ? Octets(UnsafeRawBufferPointer(start: room, count: sealed.count)) : nil
                }
            }
            return isValid ? (opened == text ? .pass : .failed) : opened == nil ? .pass : .failed
        }
        guard let opened = run(false, sealed) else { return .refused }
        return isValid ? (opened == (text, tag) ? .pass : .failed) : opened.1 == tag ? .failed : .pass
    }

    private func cipher(
        _ manager: UnsafeMutablePointer<IMB_MGR>?, isCBC: Bool, encrypting: Bool, _ iv: Octets, _ source: Octets
    ) -> Octets {
        with(key, iv, source) { input, room in
            let done = vectors_cipher(manager, isCBC ? 1 : 0, encrypting ? 1 : 0, &input, room)
            precondition(done == 1)
            return Octets(UnsafeRawBufferPointer(start: room, count: source.count))
        }
    }

    private func both(_ manager: UnsafeMutablePointer<IMB_MGR>?, isCBC: Bool) -> Outcome {
        verdict(
            cipher(manager, isCBC: isCBC, encrypting: true, iv, text) == sealed
                && cipher(manager, isCBC: isCBC, encrypting: false, iv, sealed) == text)
    }

    /// AESAVS section 6.4.2: a thousand blocks, each under what the last ones came to.
    private func monteCarlo(_ manager: UnsafeMutablePointer<IMB_MGR>?, encrypting: Bool, _ first: Octets) -> Octets {
        var (iv, source) = (iv, first)
        var before = iv
        var made = Octets()
        for _ in 0..<1000 {
            made = cipher(manager, isCBC: true, encrypting: encrypting, iv, source)
            // The next IV is what was ciphertext; the next source what came before this result.
            iv = encrypting ? made : source
            source = before
            before = made
        }
        return made
    }

    private func hmac(_ manager: UnsafeMutablePointer<IMB_MGR>?, _ hash: Int32) -> Outcome {
        let code = with(key, [], text) { input, room -> Octets? in
            vectors_hmac(manager, hash, &input, room) == 1
                ? Octets(UnsafeRawBufferPointer(start: room, count: tag.count)) : nil
        }
        return code.map { verdict($0 == tag) } ?? .refused
    }
}

internal import Foundation
internal import SwiftASN1

/// Bytes of PEM or DER, with the name they are known by in messages.
public struct CredentialSource: Sendable {
    public var name: String
    public var bytes: [UInt8]

    /// Of a certificate, a chain, a key, a revocation list.
    public static let maximumByteCount = 16 << 20

    public init(name: String, bytes: [UInt8]) {
        self.name = name
        self.bytes = bytes
    }

    public init(file: String) throws(CredentialFault) {
        let size = (try? FileManager.default.attributesOfItem(atPath: file)[.size] as? Int) ?? 0
        guard size <= Self.maximumByteCount else {
            throw CredentialFault(
                source: file, problem: "it has \(size) bytes", remedy: "at most \(Self.maximumByteCount) are read")
        }
        guard let data = FileManager.default.contents(atPath: file) else {
            throw CredentialFault(
                source: file, problem: "it cannot be read", remedy: "see that it exists and that viaduct may read it")
        }
        self.init(name: file, bytes: Array(data))
    }

    /// The DER of everything that PEM calls by this name; the bytes themselves if they are DER.
    func documents(_ type: String) throws(CredentialFault) -> [[UInt8]] {
        // Only DER begins with a SEQUENCE's tag; PEM is text.
        if bytes.first == 0x30 { return [bytes] }
        let documents: [PEMDocument]
        do {
            documents = try PEMDocument.parseMultiple(pemString: String(decoding: bytes, as: UTF8.self))
        } catch {
            throw CredentialFault(source: name, problem: "its PEM is damaged", remedy: "make it anew")
        }
        let wanted = documents.filter { $0.discriminator == type }.map(\.derBytes)
        guard !wanted.isEmpty else {
            let others = Set(documents.map(\.discriminator)).sorted().joined(separator: ", ")
            throw CredentialFault(
                source: name, problem: others.isEmpty ? "it holds no PEM and no DER" : "it holds only \(others)",
                remedy: "it has to hold \"-----BEGIN \(type)-----\"")
        }
        return wanted
    }
}

import Associations
import Foundation
import Testing
import Wire

/// Bytes that the fixtures write in hexadecimal.
struct Hex: Decodable, Sendable, Equatable {
    var bytes: [UInt8]

    init(_ text: String) { bytes = Hexadecimal.bytes(text)! }

    init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let bytes = Hexadecimal.bytes(text) else {
            throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "no hexadecimal"))
        }
        self.bytes = bytes
    }

    var secret: SecretBytes { SecretBytes(bytes) }
    /// Of eight bytes.
    var number: UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}

extension SecretBytes {
    var shown: [UInt8] { withUnsafeBytes { Array($0) } }
}

/// A file in IKE/Fixtures, each with the source of its numbers in it.
func fixture<Content: Decodable>(_ name: String, of type: Content.Type = Content.self) throws -> Content {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return try JSONDecoder().decode(type, from: Data(contentsOf: folder.appending(path: "Fixtures/\(name).json")))
}

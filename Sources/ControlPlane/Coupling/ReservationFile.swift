public import Associations
public import Wire

/// Which numbers one key is done with, durably: one small text file for each outbound SA under the state directory.
///
/// ```
/// viaduct-reservation 1
/// association 0xc472877a 198.51.100.10 3f9a…
/// reserved 1048577
/// check 9c1e0f6a2b7d4e55
/// ```
///
/// The name has the SPI, the destination and the key's fingerprint in it: the same SPI with another key begins at 1,
/// and the same key never begins again. A lock file beside it keeps two processes of one machine from using the same
/// numbers.
public final class ReservationFile: Sendable {
    public enum Failure: Error, Sendable, Equatable, CustomStringConvertible {
        /// Not as it was written. It is not taken for empty: numbers, and so nonces, would be used a second time.
        case damaged(path: String, String)
        /// Another process has the same SA.
        case inUse(path: String)
        case system(SystemError)

        public var description: String {
            switch self {
            case .damaged(let path, let what):
                "\(path): \(what); put it back from a copy, or give the security association a new key and remove it"
            case .inUse(let path): "\(path): another process uses this security association's numbers"
            case .system(let error): error.description
            }
        }
    }

    /// Bytes; no file of ours is near it.
    private static let limit = 1024

    private let directory: StateDirectory
    private let name: String
    private let association: String
    private let lock: OpenFile
    /// What was written down when it was opened; 1 when nothing was.
    public let initialMark: UInt64

    /// `fingerprint` names key and salt without betraying them: 8 to 128 letters and digits, a truncated SHA-256 for
    /// instance. Traps when it is anything else.
    public init(directory: StateDirectory, spi: SPI, destination: IPAddress, fingerprint: String) throws(Failure) {
        precondition((8...128).contains(fingerprint.utf8.count))
        precondition(fingerprint.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
        self.directory = directory
        let association = "\(spi) \(destination) \(fingerprint)"
        let name = "\(spi)-\(destination)-\(fingerprint).reserved"
        self.association = association
        self.name = name
        do {
            guard let lock = try directory.lock(name + ".lock") else {
                throw Failure.inUse(path: directory.place(name))
            }
            self.lock = lock
            let bytes = try directory.read(name, limit: Self.limit)
            guard let bytes else {
                initialMark = 1
                return
            }
            initialMark = try Self.mark(in: bytes, of: association, at: directory.place(name))
        } catch let failure as Failure {
            throw failure
        } catch let error as SystemError {
            throw .system(error)
        } catch {
            fatalError("nothing else is thrown above: \(error)")
        }
    }

    /// Numbers below `mark` are reserved when it returns. When it throws they may not be used.
    public func reserve(upTo mark: UInt64) throws(SystemError) {
        try directory.replace(name, with: Array(Self.text(mark: mark, association: association).utf8))
    }

    private static func text(mark: UInt64, association: String) -> String {
        let body = "viaduct-reservation 1\nassociation \(association)\nreserved \(mark)\n"
        return body + "check \(check(body))\n"
    }

    /// FNV-1a, 64 bits: against a file cut short or edited by hand, not against malice.
    private static func check(_ text: String) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return String(hash, radix: 16)
    }

    private static func mark(in bytes: [UInt8], of association: String, at path: String) throws(Failure) -> UInt64 {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .damaged(path: path, "not text") }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count == 5, lines[0] == "viaduct-reservation 1", lines[2].hasPrefix("reserved "),
            let mark = UInt64(lines[2].dropFirst("reserved ".count)), mark > 0
        else { throw .damaged(path: path, "not a reservation of this program's version") }
        guard lines[1] == "association \(association)" else {
            throw .damaged(path: path, "it is of another security association")
        }
        guard text == self.text(mark: mark, association: association) else {
            throw .damaged(path: path, "its check sum does not fit")
        }
        return mark
    }
}

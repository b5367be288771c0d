internal import Wire

/// Reads fields one behind the other; every read is nil once there is not enough left.
struct ByteReader {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { offset == bytes.count }

    mutating func take(_ count: Int) -> [UInt8]? {
        guard count >= 0, bytes.count - offset >= count else { return nil }
        defer { offset += count }
        return Array(bytes[offset..<offset + count])
    }

    /// Big-endian.
    mutating func number<Number: FixedWidthInteger & UnsignedInteger>(_: Number.Type = Number.self) -> Number? {
        take(Number.bitWidth / 8).map { $0.reduce(0) { $0 << 8 | Number($1) } }
    }

    /// A field with its length in one byte before it.
    mutating func field() -> [UInt8]? { number(UInt8.self).flatMap { take(Int($0)) } }

    /// As many as the byte before them says.
    mutating func list<Element>(_ element: (inout ByteReader) -> Element?) -> [Element]? {
        guard let count = number(UInt8.self) else { return nil }
        var found: [Element] = []
        for _ in 0..<count {
            guard let next = element(&self) else { return nil }
            found.append(next)
        }
        return found
    }
}

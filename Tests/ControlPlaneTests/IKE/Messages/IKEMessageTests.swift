import ControlPlane
import Foundation
import Testing
import Wire

/// The message layer of IKEv2. What it is about stands in the suites that extend it.
@Suite struct IKEMessageTests {
    typealias Bytes = [UInt8]

    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures")

    /// A recorded message: hexadecimal lines, and comments behind `#`.
    static func recorded(_ name: String) throws -> Bytes {
        let text = try String(contentsOf: fixtures.appending(path: name + ".hex"), encoding: .utf8)
        let digits = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.joined()
        return try #require(Hexadecimal.bytes(digits))
    }

    static let header = IKEHeader(
        initiatorSPI: IKESPI(rawValue: 0x0102_0304_0506_0708), responderSPI: .zero, exchange: .ikeSAInit,
        flags: .initiator, messageID: 0)

    /// What comes back when the payloads have been written and read.
    static func echo(_ payloads: [IKEPayload]) throws -> [IKEPayload] {
        let message = IKEMessage(header, payloads)
        let read = try IKEMessage(message.bytes)
        #expect(read == message)
        #expect(read.bytes == message.bytes)
        return read.payloads
    }
}

/// Messages built in words, right or wrong.
extension IKEMessageTests {
    /// A payload as it is on the wire; `length` says something else than its length where it is not nil.
    static func payload(next: PayloadType = .none, critical: Bool = false, _ body: Bytes, length: Int? = nil) -> Bytes {
        let length = UInt16(length ?? body.count + 4)
        return [next.rawValue, critical ? 0x80 : 0] + big(length) + body
    }

    /// A message whose first payload is of type `first`.
    static func message(_ first: PayloadType, _ payloads: Bytes..., length: Int? = nil, version: UInt8 = 0x20) -> Bytes
    {
        let chain = payloads.flatMap { $0 }
        let length = UInt32(length ?? 28 + chain.count)
        return big(UInt64(0x0102_0304_0506_0708)) + big(UInt64(0)) + [first.rawValue, version, 34, 0x08]
            + big(UInt32(0))
            + big(length) + chain
    }

    /// The payloads of a message with one payload.
    static func only(_ type: PayloadType, _ body: Bytes) throws(IKEMessageFault) -> [IKEPayload] {
        try IKEMessage(message(type, payload(body))).payloads
    }

    static func proposal(
        isLast: Bool = true, number: UInt8 = 1, for protocolID: ProtocolID = .ike, spi: Bytes = [], count: Int? = nil,
        length: Int? = nil, _ transforms: Bytes...
    ) -> Bytes {
        let content = spi + transforms.flatMap { $0 }
        return [isLast ? 0 : 2, 0] + big(UInt16(length ?? 8 + content.count))
            + [number, protocolID.rawValue, UInt8(spi.count), UInt8(count ?? transforms.count)] + content
    }

    static func transform(
        isLast: Bool = true, _ type: TransformType, id: UInt16, length: Int? = nil, _ attributes: Bytes = []
    ) -> Bytes {
        [isLast ? 0 : 3, 0] + big(UInt16(length ?? 8 + attributes.count)) + [type.rawValue, 0] + big(id) + attributes
    }

    static func selector(
        type: UInt8 = 7, ipProtocol: UInt8 = 6, length: Int? = nil, ports: (UInt16, UInt16) = (0, 65535),
        _ first: Bytes,
        _ last: Bytes
    ) -> Bytes {
        [type, ipProtocol] + big(UInt16(length ?? 8 + first.count + last.count)) + big(ports.0) + big(ports.1) + first
            + last
    }

    static func big(_ number: some FixedWidthInteger & UnsignedInteger) -> Bytes {
        stride(from: number.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    static func fault(_ bytes: Bytes) -> IKEMessageFault? {
        do {
            _ = try IKEMessage(bytes)
            return nil
        } catch {
            return error
        }
    }

    static func fault(_ type: PayloadType, _ body: Bytes) -> IKEMessageFault? { fault(message(type, payload(body))) }
}

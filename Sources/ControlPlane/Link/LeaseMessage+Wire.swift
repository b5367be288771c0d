internal import Associations
internal import Wire

/// The form on the link: 64 bytes, big-endian, the same fields in every kind; a field that a kind has no use for is 0.
///
/// ```
///  0        2     3     4                8       10     11    12               16
///  +--------+-----+-----+----------------+--------+-----+-----+----------------+
///  | 0x564C | ver | kind|      SPI       | holder | code|  0  | count/validity |
///  +--------+-----+-----+----------------+--------+-----+-----+----------------+
///  |       16  holder's incarnation      |         24  request                 |
///  +-------------------------------------+-------------------------------------+
///  |       32  lease                     |         40  first                   |
///  +-------------------------------------+-------------------------------------+
///  |       48  end, or used end          |         56  asked at, nanoseconds   |
///  +-------------------------------------+-------------------------------------+
/// ```
///
/// `code`: of a request 0 no report, 1 a report, 2 a final one; of a grant 1 when sole; of a refusal the reason.
extension LeaseMessage {
    public static let byteCount = 64
    static let magic: UInt16 = 0x564C
    static let version: UInt8 = 1

    enum Offset {
        static let magic = 0, version = 2, kind = 3, spi = 4, holder = 8, code = 10, zero = 11, count = 12
        static let incarnation = 16, request = 24, lease = 32, first = 40, end = 48, askedAt = 56
    }
    enum Kind: UInt8 {
        case request = 1
        case grant, release, revoke, refusal
    }

    /// nil for anything that `write(to:)` would not have written: another length, version or kind, a field out of its
    /// range, a field set that the kind has no use for.
    public init?(reading bytes: RawSpan) {
        guard bytes.byteCount == Self.byteCount, bytes.bigEndian16(at: Offset.magic) == Self.magic,
            bytes.byte(at: Offset.version) == Self.version, bytes.byte(at: Offset.zero) == 0,
            let kind = Kind(rawValue: bytes.byte(at: Offset.kind))
        else { return nil }
        let code = bytes.byte(at: Offset.code)
        let count = bytes.bigEndian32(at: Offset.count)
        let request = bytes.bigEndian64(at: Offset.request)
        let lease = bytes.bigEndian64(at: Offset.lease)
        let first = bytes.bigEndian64(at: Offset.first)
        let end = bytes.bigEndian64(at: Offset.end)
        let askedAt = bytes.bigEndian64(at: Offset.askedAt)
        let body: Body
        switch kind {
        case .request:
            guard request > 0, count > 0, code <= 2, first == 0, code != 0 || (lease == 0 && end == 0) else {
                return nil
            }
            let report = code == 0 ? nil : LeaseReport(lease: lease, usedEnd: end, isFinal: code == 2)
            body = .request(Request(identifier: request, count: count, askedAt: askedAt, report: report))
        case .grant:
            guard request > 0, count > 0, code <= 1, first > 0, first < end else { return nil }
            body = .grant(
                Grant(
                    request: request, lease: lease, first: first, end: end, validityMicroseconds: count,
                    askedAt: askedAt, isSole: code == 1))
        case .release:
            guard request == 0, count == 0, code == 0, first == 0, askedAt == 0 else { return nil }
            body = .release(lease: lease, usedEnd: end)
        case .revoke:
            guard request == 0, count == 0, code == 0, first == 0, end == 0, askedAt == 0 else { return nil }
            body = .revoke(lease: lease)
        case .refusal:
            guard request > 0, count == 0, lease == 0, first == 0, end == 0, askedAt == 0,
                let reason = LeaseRefusal(rawValue: code)
            else { return nil }
            body = .refusal(request: request, reason)
        }
        self.init(
            spi: SPI(rawValue: bytes.bigEndian32(at: Offset.spi)),
            holder: HolderID(rawValue: bytes.bigEndian16(at: Offset.holder)),
            incarnation: bytes.bigEndian64(at: Offset.incarnation), body: body)
    }

    /// Traps unless `bytes` has exactly `byteCount` bytes, all 0.
    public func write(to bytes: inout MutableRawSpan) {
        precondition(bytes.byteCount == Self.byteCount)
        bytes.storeBigEndian(Self.magic, at: Offset.magic)
        bytes.store(Self.version, at: Offset.version)
        bytes.store(kind.rawValue, at: Offset.kind)
        bytes.storeBigEndian(spi.rawValue, at: Offset.spi)
        bytes.storeBigEndian(holder.rawValue, at: Offset.holder)
        bytes.storeBigEndian(incarnation, at: Offset.incarnation)
        switch body {
        case .request(let request):
            bytes.storeBigEndian(request.identifier, at: Offset.request)
            bytes.storeBigEndian(request.count, at: Offset.count)
            bytes.storeBigEndian(request.askedAt, at: Offset.askedAt)
            guard let report = request.report else { return }
            bytes.store(report.isFinal ? 2 : 1, at: Offset.code)
            bytes.storeBigEndian(report.lease, at: Offset.lease)
            bytes.storeBigEndian(report.usedEnd, at: Offset.end)
        case .grant(let grant):
            bytes.storeBigEndian(grant.request, at: Offset.request)
            bytes.storeBigEndian(grant.lease, at: Offset.lease)
            bytes.storeBigEndian(grant.first, at: Offset.first)
            bytes.storeBigEndian(grant.end, at: Offset.end)
            bytes.storeBigEndian(grant.validityMicroseconds, at: Offset.count)
            bytes.storeBigEndian(grant.askedAt, at: Offset.askedAt)
            bytes.store(grant.isSole ? 1 : 0, at: Offset.code)
        case .release(let lease, let usedEnd):
            bytes.storeBigEndian(lease, at: Offset.lease)
            bytes.storeBigEndian(usedEnd, at: Offset.end)
        case .revoke(let lease):
            bytes.storeBigEndian(lease, at: Offset.lease)
        case .refusal(let request, let reason):
            bytes.storeBigEndian(request, at: Offset.request)
            bytes.store(reason.rawValue, at: Offset.code)
        }
    }

    private var kind: Kind {
        switch body {
        case .request: .request
        case .grant: .grant
        case .release: .release
        case .revoke: .revoke
        case .refusal: .refusal
        }
    }
}

internal import Wire

/// Offers, or the one that was taken (RFC 7296 §3.3): proposals one after the other, and nothing else.
public struct SecurityAssociationPayload: Hashable, Sendable {
    /// In order of preference.
    public var proposals: [Proposal]

    /// Traps unless there are 1 to `MessageBounds.proposals`.
    public init(_ proposals: [Proposal]) {
        precondition((1...MessageBounds.proposals).contains(proposals.count))
        self.proposals = proposals
    }

    public init(reading body: RawSpan) throws(IKEMessageFault) {
        guard !body.isEmpty else { throw .noProposals }
        proposals = []
        for range in try Substructures.ranges(
            in: body, of: .securityAssociation, more: Proposal.moreMark, atMost: MessageBounds.proposals)
        {
            let proposal = try Proposal(reading: body.extracting(range))
            // RFC 7296 §3.3.1 counts from 1 by 1, but an answer keeps the number of the offer it takes. Gaps harm nobody.
            if let last = proposals.last, last.number >= proposal.number { throw .proposalOrder }
            proposals.append(proposal)
        }
    }

    public func write(to bytes: inout [UInt8]) {
        for (index, proposal) in proposals.enumerated() {
            proposal.write(to: &bytes, isLast: index == proposals.count - 1)
        }
    }
}

/// Proposals, and the transforms in each, are strung together alike (RFC 7296 §3.3.1, §3.3.2): the first byte is 0 in the
/// last of them and a mark in the others, bytes 2 and 3 are the length of each.
enum Substructures {
    static let headerByteCount = 8
    enum Offset { static let more = 0, length = 2 }

    /// Where each lies; they fill `bytes`.
    static func ranges(
        in bytes: RawSpan, of type: PayloadType, more mark: UInt8, atMost bound: Int
    ) throws(IKEMessageFault) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        while start < bytes.byteCount {
            guard bytes.byteCount - start >= headerByteCount else { throw .truncatedPayload(type) }
            let length = Int(bytes.bigEndian16(at: start + Offset.length))
            guard length >= headerByteCount, length <= bytes.byteCount - start else { throw .truncatedPayload(type) }
            guard bytes.byte(at: start + Offset.more) == (start + length < bytes.byteCount ? mark : 0) else {
                throw .wrongCount(type)
            }
            guard ranges.count < bound else { throw .tooMany(type) }
            ranges.append(start..<start + length)
            start += length
        }
        return ranges
    }
}

/// The limits of one SA, as they were drawn for it. Times are nanoseconds of the session's clock; nil for none.
struct Lifetime: Sendable, Hashable {
    /// When it is rekeyed; nil also when that was asked for.
    var rekeyAt: UInt64?
    let endAt: UInt64?

    init(_ limit: SessionPolicy.Limit?, isInitiator: Bool, at now: UInt64, using random: inout some IKERandomness) {
        rekeyAt = limit.map { now + $0.drawn(isInitiator: isInitiator, using: &random) }
        endAt = limit.map { now + $0.hard }
    }
}

/// The limits of a Child SA.
struct ChildLifetime: Sendable, Hashable {
    var time: Lifetime
    /// Whether a rekey was asked for; that is done once.
    var isRekeyAsked = false
    let bytes, packets, sequenceNumber: SessionPolicy.Limit?

    init(
        _ policy: SessionPolicy.Lifetimes, hasESN: Bool, isInitiator: Bool, at now: UInt64,
        using random: inout some IKERandomness
    ) {
        func drawn(_ limit: SessionPolicy.Limit?) -> SessionPolicy.Limit? {
            limit.map {
                SessionPolicy.Limit(soft: $0.drawn(isInitiator: isInitiator, using: &random), hard: $0.hard)
            }
        }
        time = Lifetime(policy.child, isInitiator: isInitiator, at: now, using: &random)
        bytes = drawn(policy.bytes)
        packets = drawn(policy.packets)
        // With ESN the numbers do not end where those of 32 bits do.
        let numbers = drawn(policy.sequenceNumber)
        sequenceNumber = hasESN && numbers?.hard == SessionPolicy.Lifetimes.lastPlainNumber ? nil : numbers
    }

    /// Whether it is time to rekey it.
    func isSoftOver(_ usage: ChildUsage, at now: UInt64) -> Bool {
        guard !isRekeyAsked else { return false }
        return time.rekeyAt.map { now >= $0 } == true || isOver(usage, \.soft)
    }

    /// Whether it may be used no more.
    func isHardOver(_ usage: ChildUsage, at now: UInt64) -> Bool {
        time.endAt.map { now >= $0 } == true || isOver(usage, \.hard)
    }

    private func isOver(_ usage: ChildUsage, _ end: KeyPath<SessionPolicy.Limit, UInt64>) -> Bool {
        func reaches(_ limit: SessionPolicy.Limit?, _ value: UInt64) -> Bool {
            limit.map { value >= $0[keyPath: end] } == true
        }
        return reaches(bytes, max(usage.inboundBytes, usage.outboundBytes))
            || reaches(packets, max(usage.inboundPackets, usage.outboundPackets))
            || reaches(sequenceNumber, usage.sequenceNumber)
    }

    /// In nanoseconds.
    var deadline: UInt64? { [isRekeyAsked ? nil : time.rekeyAt, time.endAt].compactMap { $0 }.min() }
}

extension SessionPolicy.Limit {
    fileprivate func drawn(isInitiator: Bool, using random: inout some IKERandomness) -> UInt64 {
        if isInitiator { return soft - random.next() % (soft / 10 + 1) }
        let quarter = (hard - soft) / 4
        return soft + quarter + random.next() % (quarter + 1)
    }
}

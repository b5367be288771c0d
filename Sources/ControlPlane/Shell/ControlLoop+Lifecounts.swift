internal import Associations

/// What may be done under the SAs, and by whom.
extension ControlLoop {
    /// An SA of IKE's has been published: its limits, and what each target may do of them.
    mutating func limit(_ key: ShadowEntry.Key, only holder: HolderID?) throws(SystemError) {
        guard let (connection, lifetimes) = sessions.lifetimes(of: key) else { return }
        let limits = LifecountLedger.Limits(bytes: lifetimes.bytes, packets: lifetimes.packets)
        if key.direction == .inbound, lifetimes.bytes != nil || lifetimes.packets != nil {
            // All of it comes through here first.
            hooks.publish(
                .allow(
                    LifecountGrant(
                        spi: key.spi, direction: .inbound, bytes: lifetimes.bytes?.hard ?? .max,
                        packets: lifetimes.packets?.hard ?? .max)))
        }
        try perform(
            ledger.install(key, limits, policy: connection, serving: holder.map { .only($0) } ?? .everybody))
    }

    mutating func perform(_ actions: [LifecountLedger.Action]) throws(SystemError) {
        for action in actions {
            switch action {
            case .grant(let holder, let grant): try perform(publisher.publish(.allow(grant), only: holder))
            case .usage(let total): try perform(sessions.used(total, at: clock.now, using: &random))
            case .exhausted(let key):
                counts["lifecountExhausted", default: 0] += 1
                hooks.log("lifecount: nothing is left of \(key.direction) \(key.spi)")
            }
        }
    }
}

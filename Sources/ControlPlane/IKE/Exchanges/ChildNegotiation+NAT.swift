internal import Associations
internal import Wire

/// Transport mode through a NAT (RFC 7296 §2.23.1).
extension ChildNegotiation {
    /// The peer's selectors of one side, with that side's address as we see it where a NAT made it another one. They are
    /// of one host; those of any other are left out.
    func seen(_ selectors: [TrafficSelector], _ side: TrafficSelectors.Side) -> [TrafficSelector] {
        let isTranslated = side == .local ? nat.isBeforeUs : nat.isBeforePeer
        guard policy.mode == .transport, isTranslated else { return selectors }
        guard let host = selectors.first?.addresses, host.first == host.last else { return [] }
        let address = side == .local ? path.local.address : path.remote.address
        return selectors.filter { $0.addresses == host }.map {
            TrafficSelector(AddressRange(first: address, last: address), ipProtocol: $0.ipProtocol, ports: $0.ports)
        }
    }
}

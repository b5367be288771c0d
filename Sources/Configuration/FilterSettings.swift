public import Associations

/// What filters inbound traffic for the DVIPAs, and which members do it (docs/filters.md).
public struct FilterSettings: Sendable, Hashable {
    public enum Station: String, Sendable, Hashable {
        /// The routers filter; targets take what comes from them in GRE as it is.
        case router
        /// The targets filter after they have decrypted; routers filter nothing.
        case target
    }

    public var at: Station
    public var filter: Filter

    public init(at: Station, filter: Filter) {
        self.at = at
        self.filter = filter
    }
}

extension ClusterConfiguration {
    /// The filter that members of this role ask; nil for those that ask none.
    public func filter(at station: FilterSettings.Station) -> Filter? {
        guard let filters, filters.at == station else { return nil }
        return filters.filter
    }
}

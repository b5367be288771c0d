/// How key material is wrapped under the cluster's key, and opened: TLS or not, keys leave a process only so.
public struct LinkWrapping: Sendable {
    /// What was wrapped in one context does not open in another.
    public enum Context: String, Sendable {
        case entries = "xcf entries"
        case leaseKey = "xcf lease key"
    }

    public var wrap: @Sendable ([UInt8], Context) -> [UInt8]
    /// nil unless a holder of the cluster's key wrapped it in this context.
    public var unwrap: @Sendable ([UInt8], Context) -> [UInt8]?

    public init(
        wrap: @escaping @Sendable ([UInt8], Context) -> [UInt8],
        unwrap: @escaping @Sendable ([UInt8], Context) -> [UInt8]?
    ) {
        self.wrap = wrap
        self.unwrap = unwrap
    }
}

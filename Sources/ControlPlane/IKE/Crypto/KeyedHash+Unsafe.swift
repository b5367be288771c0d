internal import Associations
internal import CCrypto

/// HMAC (RFC 2104) under one key, for one message after another.
@safe struct KeyedHash: ~Copyable {
    enum Function: Int32, Sendable {
        case sha1, sha256, sha384, sha512

        var byteCount: Int {
            switch self {
            case .sha1: 20
            case .sha256: 32
            case .sha384: 48
            case .sha512: 64
            }
        }
    }

    private let context: OpaquePointer
    let function: Function

    init(_ function: Function, key: Octets) {
        self.function = function
        // OpenSSL copies the key; an empty one has no address, so it is given that of a byte that is not read.
        let made = unsafe key.withAddress { unsafe ike_mac_new(function.rawValue, $0, $1) }
        guard let made = unsafe made else { fatalError("OpenSSL has no memory or no HMAC") }
        unsafe context = made
    }

    deinit {
        // Made in init, ours alone; OpenSSL wipes it.
        unsafe ike_mac_free(context)
    }

    mutating func add(_ octets: Octets) {
        // Read during the call only.
        let added = unsafe octets.withAddress { unsafe ike_mac_update(context, $0, $1) }
        precondition(added == 1, "OpenSSL failed to hash")
    }

    mutating func add(_ bytes: UnsafeRawBufferPointer) {
        // Read during the call only.
        let added = unsafe ike_mac_update(context, bytes.baseAddress, bytes.count)
        precondition(added == 1, "OpenSSL failed to hash")
    }

    /// Writes the code of what was added, `function.byteCount` bytes, and begins the next message under the same key.
    mutating func finish(into code: UnsafeMutableRawPointer) {
        // The caller has room for the function's code.
        let finished = unsafe ike_mac_finish(context, code, function.byteCount)
        precondition(finished == 1, "OpenSSL failed to hash")
    }

    /// The same for a code that is no secret.
    mutating func finish() -> [UInt8] {
        var code = [UInt8](repeating: 0, count: function.byteCount)
        // The array has the length of the function's code.
        unsafe finish(into: &code)
        return code
    }
}

extension Octets {
    /// Address and count, valid inside `body` only. The address can be read even when the count is 0.
    @unsafe
    fileprivate func withAddress<Result>(_ body: (UnsafeRawPointer, Int) -> Result) -> Result {
        var nothing: UInt8 = 0
        switch self {
        case .open(let bytes):
            // Both outlive the call of `body`.
            return unsafe bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress else { return unsafe body(&nothing, 0) }
                return unsafe body(start, buffer.count)
            }
        case .secret(let bytes):
            // As above.
            return unsafe bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress else { return unsafe body(&nothing, 0) }
                return unsafe body(start, buffer.count)
            }
        }
    }
}

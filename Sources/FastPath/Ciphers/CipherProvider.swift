internal import Associations

/// That packets' ICVs were found right. Whatever a packet may change (replay window, connection table, lifecount) asks
/// for one: what is unverified changes no state.
///
/// It speaks for the works of a batch whose `isAuthentic` is set; only the provider that compared the tags makes one.
struct AuthenticationProof: BitwiseCopyable {
    fileprivate init() {}

    /// For what a target reports, or a router's relay has opened: authenticated there.
    static let ofReport = AuthenticationProof()
    /// For what the host's own stack sends.
    static let ofOwnStack = AuthenticationProof()
}

/// Who authenticates what the router steers.
public enum Verification: Sendable {
    /// The router verifies the ICV before it commits the window, makes a connection entry or counts a byte.
    case router
    /// The router only reads; targets verify. Nothing here changes on a packet's account.
    case target
}

/// One ESP packet for a provider, and what the provider found.
struct CipherWork: BitwiseCopyable {
    /// Its place in the batch.
    var packet: Int32
    /// Index of the SA, and so of the key.
    var association: Int32
    /// Offset of the ESP header in the frame memory.
    var start: Int
    /// From ESP header to ICV; a length that its suite allows.
    private let whole: Int32
    private let ciphertext: Int32
    /// The salt's four bytes as they lie in memory.
    let salt: UInt32
    let suite: CipherSuite

    /// The ICV is right. Never set by a peek that does not verify.
    var isAuthentic = false
    var padByteCount: UInt8 = 0
    var nextHeader: UInt8 = 0
    private var head: UInt8 = 0
    /// The upper half of the number; of no use without ESN.
    var high: UInt32 = 0

    /// - Parameter byteCount: From ESP header to ICV; a length that `suite` allows.
    @inline(__always)
    init(packet: Int32, association: Int32, start: Int, byteCount: Int, salt: UInt32, suite: CipherSuite) {
        self.packet = packet
        self.association = association
        self.start = start
        self.salt = salt
        self.suite = suite
        whole = Int32(truncatingIfNeeded: byteCount)
        ciphertext = Int32(truncatingIfNeeded: byteCount &- suite.overhead)
    }

    /// Plaintext bytes in the work's head: at most `PeekedHeads.longByteCount`.
    @inline(__always) var headByteCount: Int32 {
        get { Int32(head) }
        set { head = UInt8(truncatingIfNeeded: newValue) }
    }

    static let none = CipherWork(packet: 0, association: 0, start: 0, byteCount: 0, salt: 0, suite: .none)

    @inline(__always) var byteCount: Int { Int(whole) }
    @inline(__always) var ciphertextByteCount: Int { Int(ciphertext) }
    /// Bytes of the payload, once the trailer is known; negative when the padding cannot be.
    @inline(__always) var payloadByteCount: Int {
        ciphertextByteCount &- ESPLayout.trailerByteCount &- Int(padByteCount)
    }
}

/// Which works are meant: from `first` on, below `count`; and whether they are all of the transform that has the quick way.
struct WorkCount: BitwiseCopyable {
    let first: Int
    let count: Int
    let isAllGCM: Bool

    @inline(__always)
    init(first: Int = 0, count: Int, isAllGCM: Bool) {
        self.first = first
        self.count = count
        self.isAllGCM = isAllGCM
    }

    /// Looks at them.
    init(_ works: borrowing Slab<CipherWork>, count: Int) {
        first = 0
        self.count = count
        var isAllGCM = true
        for index in 0..<count where !works[index].suite.isGCM { isAllGCM = false }
        self.isAllGCM = isAllGCM
    }
}

/// The beginnings of a batch's payloads, decrypted: the first 48 bytes at least, or all there is.
///
/// That holds an inner IPv4 header and what steering reads of TCP; where that is not enough `extend` gets up to
/// 240: an inner IPv6 header and 186 bytes of extension headers.
struct PeekedHeads: ~Copyable {
    /// A head: 16 bytes for the counter block that masks the ICV, the plaintext, and 16 for the last block.
    let memory: FrameMemory
    static let stride = 320
    static let plaintextOffset = 16
    static let shortByteCount = 48
    /// A payload no longer than this is decrypted in one piece.
    static let longByteCount = 112
    static let extendedByteCount = 240
    static let lastBlockOffset = 144

    init(capacity: Int) { memory = FrameMemory(frameCount: capacity, frameStride: Self.stride) }

    /// The plaintext of work `index`.
    @inline(__always)
    @_lifetime(borrow self)
    func plaintext(_ index: Int, count: Int) -> RawSpan {
        memory.bytes(at: index &* Self.stride &+ Self.plaintextOffset, count: count)
    }
}

/// The ciphers that there are. Which one is asked once a batch, never per packet.
///
/// A provider holds the keys of one SA table, by the SA's index, and belongs to one worker. Its methods borrow, because
/// what they write is memory behind it; they are not for two threads.
public enum CipherProvider: ~Copyable {
    /// Intel's multi-buffer library: x86-64, found at run time.
    case multiBuffer(MultiBufferCiphers)
    /// OpenSSL: everywhere, slower by several times, since it cannot authenticate without decrypting.
    case openSSL(OpenSSLCiphers)

    /// The fastest provider of this machine, with room for `capacity` keys and batches of `batchCapacity` packets.
    public static func best(capacity: Int, batchCapacity: Int = PacketBatch.defaultCapacity) -> CipherProvider {
        if let ciphers = MultiBufferCiphers(capacity: capacity, batchCapacity: batchCapacity) {
            return .multiBuffer(ciphers)
        }
        return .openSSL(OpenSSLCiphers(capacity: capacity))
    }

    /// For people: "ipsec-mb 1.3.0 (VAES)" or "OpenSSL".
    public var name: String {
        switch self {
        case .multiBuffer(let ciphers): ciphers.name
        case .openSSL: "OpenSSL"
        }
    }

    /// Traps when `index` is out of range. Any earlier key there is wiped.
    func install(_ association: SecurityAssociation, at index: Int) {
        switch self {
        case .multiBuffer(let ciphers): ciphers.install(association, at: index)
        case .openSSL(let ciphers): ciphers.install(association, at: index)
        }
    }

    /// Wipes a key.
    func remove(at index: Int) {
        switch self {
        case .multiBuffer(let ciphers): ciphers.remove(at: index)
        case .openSSL(let ciphers): ciphers.remove(at: index)
        }
    }

    /// Verifies works and decrypts their heads and trailers; the frames stay as they are.
    func verifyAndPeek(
        _ works: inout Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads
    ) -> AuthenticationProof {
        switch self {
        case .multiBuffer(let ciphers): ciphers.verifyAndPeek(&works, count, in: memory, into: heads)
        case .openSSL(let ciphers): ciphers.peek(&works, count, in: memory, into: heads, verifying: true)
        }
        return AuthenticationProof()
    }

    /// Decrypts heads and trailers without looking at the ICV: proves nothing.
    func peek(
        _ works: inout Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads
    ) {
        switch self {
        case .multiBuffer(let ciphers): ciphers.peek(&works, count, in: memory, into: heads)
        case .openSSL(let ciphers): ciphers.peek(&works, count, in: memory, into: heads, verifying: false)
        }
    }

    /// Decrypts a head further, to `PeekedHeads.extendedByteCount` or to its end.
    func extend(
        _ works: inout Slab<CipherWork>, _ index: Int, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads
    ) {
        switch self {
        case .multiBuffer(let ciphers): ciphers.extend(&works, index, in: memory, into: heads)
        case .openSSL: break  // Its heads are as long as they can be from the start.
        }
    }

    /// Opens works where they lie, whole: the ciphertext becomes plaintext, whether authentic or not.
    func open(_ works: inout Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory)
        -> AuthenticationProof
    {
        switch self {
        case .multiBuffer(let ciphers): ciphers.open(&works, count, in: memory)
        case .openSSL(let ciphers): ciphers.open(&works, count, in: memory)
        }
        return AuthenticationProof()
    }

    /// Encrypts works where they lie and writes their ICVs. SPI, number and IV are already there;
    /// that the number is used once under its key is the caller's promise (docs/sequence-leases.md).
    func seal(_ works: borrowing Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory) {
        switch self {
        case .multiBuffer(let ciphers): ciphers.seal(works, count, in: memory)
        case .openSSL(let ciphers): ciphers.seal(works, count, in: memory)
        }
    }
}

internal import Associations
internal import CCrypto
internal import Glibc

/// Every transform by Intel's multi-buffer library; AES-GCM taken apart: GHASH runs over a packet without decrypting it, and AES-CTR
/// over just the blocks that steering reads.
///
/// GHASH wants AAD, ciphertext and lengths, each padded to 16 bytes. All but the padding already lie in the packet in
/// that order, so it is written into the frame for the time of one call, and what it overwrites is put back:
///
///     frame   | SPI, number | IV          | ciphertext          | ICV                 | after it   |
///     hashed  | SPI, number | 0 (padding) | ciphertext          | 0 (0..12) | lengths 16           |
///                                                                 `------ 16 to 28 bytes -----'
///
/// That is one call where pieces would be three. The bytes behind the ICV are `Tailroom`.
@safe public struct MultiBufferCiphers: ~Copyable {
    let manager: UnsafeMutablePointer<IMB_MGR>
    let keys: UnsafeMutableRawPointer
    private let capacity: Int
    let batchCapacity: Int
    let scratch: UnsafeMutablePointer<Scratch>
    /// Counter runs by key size: up to two for each packet of a batch.
    let jobs128: UnsafeMutablePointer<IMB_JOB>
    let jobs192: UnsafeMutablePointer<IMB_JOB>
    let jobs256: UnsafeMutablePointer<IMB_JOB>
    /// For the works of a batch that are not of AES-GCM: what C keeps of them, the works as it takes them, and each one's
    /// place among all.
    let others: OpaquePointer
    let otherWorks: UnsafeMutablePointer<crypto_esp_work>
    let otherPlaces: UnsafeMutablePointer<Int>

    /// What is kept for a packet from one pass to the next.
    @unsafe struct Scratch {
        /// Salt and IV; the counter of the last block for the second run, big-endian.
        var nonce: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
        var lastNonce: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
        var tag: (UInt64, UInt64) = (0, 0)
        /// Where the SA's expanded key and the packet's ESP header are, for the length of one `run`.
        var key: UnsafeMutableRawPointer
        var esp: UnsafeMutableRawPointer
        /// Bytes of ciphertext, and of what is hashed.
        var ciphertext = 0
        var hashed = 0
        /// What the hash's padding overwrote: the IV, and 32 bytes from the ICV on.
        var iv: UInt64 = 0
        var tail: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

        static let nonceOffset = 0
        static let lastNonceOffset = 16
        static let tagOffset = 32
    }

    /// nil where the library is not there or of no use. Takes all its memory now.
    public init?(capacity: Int, batchCapacity: Int = PacketBatch.defaultCapacity) {
        guard let manager = unsafe crypto_mb_open() else { return nil }
        unsafe self.manager = manager
        self.capacity = capacity
        self.batchCapacity = batchCapacity
        // One mapping for all keys, page-aligned and so aligned as the library wants; untouched pages cost nothing.
        let keyBytes = capacity * Self.keyStride
        let mapping = unsafe mmap(nil, keyBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapping = unsafe mapping, unsafe mapping != MAP_FAILED else {
            fatalError("no memory for \(capacity) keys (errno \(errno))")
        }
        unsafe keys = mapping
        // Sized here, freed in deinit, indexed below batchCapacity and twice that respectively.
        unsafe scratch = .allocate(capacity: batchCapacity)
        unsafe scratch.initialize(repeating: Scratch(key: mapping, esp: mapping), count: batchCapacity)
        unsafe jobs128 = .allocate(capacity: batchCapacity * 2)
        unsafe crypto_mb_prepare_jobs(jobs128, batchCapacity * 2, 16)
        unsafe jobs192 = .allocate(capacity: batchCapacity * 2)
        unsafe crypto_mb_prepare_jobs(jobs192, batchCapacity * 2, 24)
        unsafe jobs256 = .allocate(capacity: batchCapacity * 2)
        unsafe crypto_mb_prepare_jobs(jobs256, batchCapacity * 2, 32)
        guard let others = unsafe crypto_mb_esp_new(batchCapacity) else {
            fatalError("no memory for a batch's ciphers")
        }
        unsafe self.others = others
        // Sized here, freed in deinit, filled from the beginning before they are read.
        unsafe otherWorks = .allocate(capacity: batchCapacity)
        unsafe otherPlaces = .allocate(capacity: batchCapacity)
    }

    deinit {
        // Everything was made in init and is reachable only through us; keys and what could tell of them are wiped.
        unsafe explicit_bzero(keys, capacity * Self.keyStride)
        unsafe explicit_bzero(scratch, batchCapacity * MemoryLayout<Scratch>.stride)
        unsafe _ = munmap(keys, capacity * Self.keyStride)
        unsafe scratch.deallocate()
        unsafe jobs128.deallocate()
        unsafe jobs192.deallocate()
        unsafe jobs256.deallocate()
        unsafe crypto_mb_esp_free(others)
        unsafe otherWorks.deallocate()
        unsafe otherPlaces.deallocate()
        unsafe crypto_mb_close(manager)
    }

    private static let keyStride = crypto_mb_key_bytes

    var name: String {
        // Both are static strings of the C side.
        unsafe "ipsec-mb \(String(cString: crypto_mb_version())) (\(String(cString: crypto_mb_path(manager))))"
    }

    func install(_ association: SecurityAssociation, at index: Int) {
        precondition((0..<capacity).contains(index))
        var suite = CipherSuite(association.transform).forC
        // The index is in range; the keys' lengths were checked by SecurityAssociation.
        let isDone = unsafe association.key.withUnsafeBytes { key in
            unsafe association.authenticationKey.withUnsafeBytes { authenticationKey in
                unsafe crypto_mb_esp_expand(
                    manager, &suite, key.baseAddress, authenticationKey.baseAddress, authenticationKey.count,
                    keys + index * Self.keyStride)
            }
        }
        guard isDone == 1 else { fatalError("OpenSSL failed to make HMAC's states") }
    }

    func remove(at index: Int) {
        precondition((0..<capacity).contains(index))
        // In range by the precondition.
        unsafe explicit_bzero(keys + index * Self.keyStride, Self.keyStride)
    }

    /// The expanded key of an SA.
    @inline(__always)
    func key(_ index: Int32) -> UnsafeMutableRawPointer {
        precondition(Int(index) < capacity && index >= 0)
        // In range by the precondition.
        return unsafe keys + Int(index) &* Self.keyStride
    }
}

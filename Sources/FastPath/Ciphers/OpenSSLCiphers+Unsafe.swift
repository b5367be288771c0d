internal import Associations
internal import CCrypto
internal import Wire

/// AES-GCM by OpenSSL's EVP: on every machine. It authenticates only by decrypting all, so a peek is a whole opening
/// into a buffer of its own, of which the beginning and the trailer are kept.
@safe public struct OpenSSLCiphers: ~Copyable {
    private let keys: UnsafeMutablePointer<OpaquePointer?>
    private let capacity: Int
    private let plaintext: UnsafeMutableRawPointer

    /// The largest IP packet.
    private static let plaintextCapacity = 65536

    /// Takes the memory for the table now; a key's own context is made when it is installed.
    public init(capacity: Int) {
        self.capacity = capacity
        // Freed in deinit; indexed below capacity and plaintextCapacity respectively.
        unsafe keys = .allocate(capacity: capacity)
        unsafe keys.initialize(repeating: nil, count: capacity)
        unsafe plaintext = .allocate(byteCount: Self.plaintextCapacity, alignment: 16)
    }

    deinit {
        for index in 0..<capacity { remove(at: index) }
        // Allocated in init, ours alone.
        unsafe keys.deallocate()
        unsafe plaintext.deallocate()
    }

    func install(_ association: SecurityAssociation, at index: Int) {
        remove(at: index)
        // In range: remove checked the index. The key's length was checked by SecurityAssociation.
        unsafe association.key.withUnsafeBytes { key in
            unsafe keys[index] = crypto_openssl_key_new(key.baseAddress!, key.count)
        }
        guard unsafe keys[index] != nil else { fatalError("OpenSSL has no memory or no AES-GCM") }
    }

    func remove(at index: Int) {
        precondition((0..<capacity).contains(index))
        // In range by the precondition; freed once, since its place becomes nil.
        if let old = unsafe keys[index] { unsafe crypto_openssl_key_free(old) }
        unsafe keys[index] = nil
    }

    /// Opens a packet to `destination`; whether its ICV is right, or true where that is not asked.
    private func open(
        _ work: CipherWork, in memory: borrowing FrameMemory, to destination: UnsafeMutableRawPointer?, verifying: Bool
    ) -> Bool {
        precondition((0..<capacity).contains(Int(work.association)))
        // Inside the frame memory, which the call checks; the parts lie as ESPLayout says; a destination has room for
        // the longest packet.
        let esp = unsafe memory.pointer(at: work.start, count: work.byteCount)
        guard let key = unsafe keys[Int(work.association)] else { return false }
        let ciphertext = unsafe esp + ESPHeader.Offset.ciphertext
        let iv = unsafe esp.loadUnaligned(fromByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
        var nonce = (work.salt, UInt32(truncatingIfNeeded: iv), UInt32(truncatingIfNeeded: iv >> 32))
        return unsafe crypto_openssl_open(
            key, ciphertext, destination ?? ciphertext, work.ciphertextByteCount, &nonce, esp, ESPHeader.byteCount,
            verifying ? ciphertext + work.ciphertextByteCount : nil) == 1
    }

    func peek(
        _ works: inout Slab<CipherWork>, count: Int, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads,
        verifying: Bool
    ) {
        for index in 0..<count {
            let work = works[index]
            let bytes = work.ciphertextByteCount
            precondition(bytes <= Self.plaintextCapacity)
            let opened = unsafe open(work, in: memory, to: plaintext, verifying: verifying)
            works[index].isAuthentic = verifying && opened
            works[index].headByteCount = Int32(min(bytes, PeekedHeads.longByteCount))
            // A head's room holds longByteCount bytes at plaintextOffset; what is read was written by the opening.
            let head = unsafe heads.memory.pointer(at: index * PeekedHeads.stride, count: PeekedHeads.stride)
            unsafe (head + PeekedHeads.plaintextOffset).copyMemory(
                from: plaintext, byteCount: Int(works[index].headByteCount))
            works[index].padByteCount = unsafe plaintext.load(fromByteOffset: bytes - 2, as: UInt8.self)
            works[index].nextHeader = unsafe plaintext.load(fromByteOffset: bytes - 1, as: UInt8.self)
        }
    }

    func open(_ works: inout Slab<CipherWork>, count: Int, in memory: borrowing FrameMemory) {
        for index in 0..<count {
            let work = works[index]
            works[index].isAuthentic = unsafe open(work, in: memory, to: nil, verifying: true)
            let end = memory.bytes(
                at: work.start + ESPHeader.Offset.ciphertext + work.ciphertextByteCount - 2, count: 2)
            works[index].padByteCount = end.byte(at: 0)
            works[index].nextHeader = end.byte(at: 1)
        }
    }

    func seal(_ works: borrowing Slab<CipherWork>, count: Int, in memory: borrowing FrameMemory) {
        for index in 0..<count {
            let work = works[index]
            precondition((0..<capacity).contains(Int(work.association)))
            // Inside the frame memory, which the call checks; the parts lie as ESPLayout says.
            let esp = unsafe memory.pointer(at: work.start, count: work.byteCount)
            let plaintext = unsafe esp + ESPHeader.Offset.ciphertext
            let iv = unsafe esp.loadUnaligned(fromByteOffset: ESPHeader.Offset.iv, as: UInt64.self)
            var nonce = (work.salt, UInt32(truncatingIfNeeded: iv), UInt32(truncatingIfNeeded: iv >> 32))
            guard let key = unsafe keys[Int(work.association)],
                unsafe crypto_openssl_seal(
                    key, plaintext, plaintext, work.ciphertextByteCount, &nonce, esp, ESPHeader.byteCount,
                    plaintext + work.ciphertextByteCount) == 1
                // Sealing cannot be refused packet by packet: plaintext must not leave.
            else { fatalError("OpenSSL failed to seal") }
        }
    }
}

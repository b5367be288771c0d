internal import Associations
internal import CCrypto
internal import Wire

/// Every transform by OpenSSL: on every machine. It authenticates most only by decrypting all, so a peek is a whole opening
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
        var suite = CipherSuite(association.transform).forC
        // In range: remove checked the index. The keys' lengths were checked by SecurityAssociation.
        unsafe association.key.withUnsafeBytes { key in
            unsafe association.authenticationKey.withUnsafeBytes { authenticationKey in
                unsafe keys[index] = crypto_openssl_esp_new(
                    &suite, key.baseAddress, authenticationKey.baseAddress, authenticationKey.count)
            }
        }
        guard unsafe keys[index] != nil else { fatalError("OpenSSL has no memory or not the algorithm") }
    }

    func remove(at index: Int) {
        precondition((0..<capacity).contains(index))
        // In range by the precondition; freed once, since its place becomes nil.
        if let old = unsafe keys[index] { unsafe crypto_openssl_esp_free(old) }
        unsafe keys[index] = nil
    }

    /// A work as C takes it; nil where there is no key.
    private func work(_ work: CipherWork, in memory: borrowing FrameMemory) -> crypto_esp_work? {
        precondition((0..<capacity).contains(Int(work.association)))
        guard let key = unsafe keys[Int(work.association)] else { return nil }
        // Inside the frame memory, which the call checks; the suite's parts lie inside the packet.
        let esp = unsafe memory.pointer(at: work.start, count: work.byteCount)
        return unsafe crypto_esp_work(work, esp: esp, key: UnsafeMutableRawPointer(key), head: plaintext)
    }

    func peek(
        _ works: inout Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory,
        into heads: borrowing PeekedHeads, verifying: Bool
    ) {
        for index in count.first..<count.count {
            let bytes = works[index].ciphertextByteCount
            precondition(bytes <= Self.plaintextCapacity)
            works[index].isAuthentic = false
            works[index].headByteCount = Int32(min(bytes, PeekedHeads.extendedByteCount))
            guard var work = unsafe work(works[index], in: memory) else { continue }
            // The buffer has room for the longest packet.
            let isDone = unsafe crypto_openssl_esp_open(&work, plaintext, verifying ? 1 : 0) == 1
            works[index].isAuthentic = unsafe isDone && work.authentic == 1
            // A head's room holds extendedByteCount bytes at plaintextOffset; what is read was written by the opening.
            let head = unsafe heads.memory.pointer(at: index * PeekedHeads.stride, count: PeekedHeads.stride)
            unsafe (head + PeekedHeads.plaintextOffset).copyMemory(
                from: plaintext, byteCount: Int(works[index].headByteCount))
            works[index].padByteCount = unsafe work.pad
            works[index].nextHeader = unsafe work.next
        }
    }

    func open(_ works: inout Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory) {
        for index in count.first..<count.count {
            works[index].isAuthentic = false
            guard var work = unsafe work(works[index], in: memory) else { continue }
            // In place: the plaintext is as long as the ciphertext.
            let ciphertext = unsafe work.esp + works[index].suite.prefixByteCount
            let isDone = unsafe crypto_openssl_esp_open(&work, ciphertext, 1) == 1
            works[index].isAuthentic = unsafe isDone && work.authentic == 1
            works[index].padByteCount = unsafe work.pad
            works[index].nextHeader = unsafe work.next
        }
    }

    func seal(_ works: borrowing Slab<CipherWork>, _ count: WorkCount, in memory: borrowing FrameMemory) {
        for index in count.first..<count.count {
            guard var work = unsafe work(works[index], in: memory), unsafe crypto_openssl_esp_seal(&work) == 1
            // Sealing cannot be refused packet by packet: plaintext must not leave.
            else { fatalError("OpenSSL failed to seal") }
        }
    }
}

internal import CCapture
internal import Glibc

/// A capture file (pcap or pcapng, Ethernet) read whole: the frames' bytes one after the other, and where each lies.
@safe public struct CaptureFile: Sendable {
    public struct Frame: Sendable {
        /// Nanoseconds since 1970, UTC.
        public var timestampNanoseconds: UInt64
        /// In the file's `bytes`.
        public var range: Range<Int>
        /// Bytes it had on the wire: more than `range` holds when the capture was cut.
        public var originalByteCount: Int
    }

    public private(set) var frames: [Frame] = []
    public private(set) var bytes: [UInt8] = []

    public init(reading path: String) throws(PortFailure) {
        var reason = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        // A path and a buffer of the size libpcap asks for, used during the call only.
        let opened = unsafe pcap_open_offline_with_tstamp_precision(path, UInt32(PCAP_TSTAMP_PRECISION_NANO), &reason)
        guard let capture = unsafe opened else { throw PortFailure(Self.message(path, Self.text(reason))) }
        // Opened above, closed once on every way out.
        defer { unsafe pcap_close(capture) }
        let linkType = unsafe pcap_datalink(capture)
        guard linkType == DLT_EN10MB else {
            // A static string of libpcap's, or null.
            let name = unsafe pcap_datalink_val_to_name(linkType).map { unsafe String(cString: $0) }
            throw PortFailure(
                "\(path): its frames are \(name ?? "of link type \(linkType)"); only Ethernet can be read")
        }
        while true {
            var header: UnsafeMutablePointer<pcap_pkthdr>?
            var data: UnsafePointer<UInt8>?
            // libpcap's pointers, good until its next call.
            let status = unsafe pcap_next_ex(capture, &header, &data)
            if status == PCAP_ERROR_BREAK { return }
            guard status == 1, let header = unsafe header?.pointee, let data = unsafe data else {
                // The capture's own error text, copied at once.
                let reason = unsafe String(cString: pcap_geterr(capture))
                throw PortFailure(Self.message(path, "after \(frames.count) frames: \(reason)"))
            }
            let start = bytes.count
            // caplen bytes at data.
            unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: data, count: Int(header.caplen)))
            frames.append(
                Frame(
                    // The precision asked for makes tv_usec nanoseconds.
                    timestampNanoseconds: UInt64(truncatingIfNeeded: header.ts.tv_sec) &* 1_000_000_000
                        &+ UInt64(truncatingIfNeeded: header.ts.tv_usec),
                    range: start..<bytes.count, originalByteCount: Int(header.len)))
        }
    }

    private static func message(_ path: String, _ reason: String) -> String {
        // libpcap begins some of its messages with the path, some not.
        reason.hasPrefix(path) ? reason : "\(path): \(reason)"
    }

    private static func text(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// A frame's bytes. Traps when there is no such frame.
    public subscript(index: Int) -> ArraySlice<UInt8> { bytes[frames[index].range] }

    /// Copies a frame into a memory. Traps when there is no such frame, or when it does not fit there.
    public func copy(_ index: Int, into memory: borrowing FrameMemory, at offset: Int) {
        let range = frames[index].range
        if range.isEmpty { return }
        // In the array, in the memory (both checked), and not empty; the array's bytes cannot be the memory's.
        unsafe bytes[range].withUnsafeBytes { source in
            unsafe memory.pointer(at: offset, count: range.count).copyMemory(
                from: source.baseAddress!, byteCount: range.count)
        }
    }
}

/// A pcap file of Ethernet frames that is being written.
@safe public struct CaptureWriter: ~Copyable {
    private let capture: OpaquePointer
    private let dump: OpaquePointer
    private let path: String
    private let precision: Precision

    /// Of the timestamps in the file; some readers know microseconds only.
    public enum Precision: Sendable { case microseconds, nanoseconds }

    /// Makes the file, or empties it.
    public init(writing path: String, precision: Precision = .nanoseconds) throws(PortFailure) {
        let unit = precision == .nanoseconds ? PCAP_TSTAMP_PRECISION_NANO : PCAP_TSTAMP_PRECISION_MICRO
        // No file yet: only what its header is to say.
        let opened = unsafe pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 262_144, UInt32(unit))
        guard let capture = unsafe opened else { throw PortFailure("\(path): no memory for a capture") }
        // The path is used during the call only.
        guard let dump = unsafe pcap_dump_open(capture, path) else {
            // Opened above; its error text is copied before it is closed.
            let reason = unsafe String(cString: pcap_geterr(capture))
            unsafe pcap_close(capture)
            throw PortFailure(reason.hasPrefix(path) ? reason : "\(path): \(reason)")
        }
        unsafe self.capture = capture
        unsafe self.dump = dump
        self.path = path
        self.precision = precision
    }

    deinit {
        // Both opened in init.
        unsafe pcap_dump_close(dump)
        unsafe pcap_close(capture)
    }

    /// Appends a frame; traps when it is empty. That the disk was full is said by `finish`.
    public mutating func write(_ frame: RawSpan, timestampNanoseconds: UInt64) {
        precondition(frame.byteCount > 0)
        var header = pcap_pkthdr()
        let fraction = timestampNanoseconds % 1_000_000_000
        header.ts.tv_sec = Int(timestampNanoseconds / 1_000_000_000)
        header.ts.tv_usec = Int(precision == .nanoseconds ? fraction : fraction / 1000)
        header.caplen = UInt32(frame.byteCount)
        header.len = header.caplen
        // An open dump, and caplen bytes, at least one, used during the call only.
        unsafe frame.withUnsafeBytes { bytes in
            unsafe pcap_dump(
                UnsafeMutablePointer<UInt8>(dump), &header, bytes.baseAddress!.assumingMemoryBound(to: UInt8.self))
        }
    }

    /// Writes out what is left and closes the file. Throws when not all of it could be written.
    public consuming func finish() throws(PortFailure) {
        // An open dump; its file is libpcap's.
        let failed = unsafe pcap_dump_flush(dump) != 0 || ferror(pcap_dump_file(dump)) != 0
        if failed { throw PortFailure("\(path): not everything could be written") }
    }
}

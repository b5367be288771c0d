import Foundation
import Testing

@testable import FastPath

struct CaptureFileTests {
    static let fixtures = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appending(path: "Fixtures")
    static func fixture(_ name: String) throws -> CaptureFile {
        try CaptureFile(reading: fixtures.appending(path: name).path)
    }

    /// A file of its own for each test, removed at the end.
    func withFile<Result>(_ body: (String) throws -> Result) throws -> Result {
        let path = FileManager.default.temporaryDirectory.appending(path: "viaduct-\(UUID().uuidString).pcap").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try body(path)
    }

    @Test func bothFormsReadTheSame() throws {
        let pcap = try Self.fixture("01-tunnel-aes128gcm16.pcap")
        let pcapng = try Self.fixture("01-tunnel-aes128gcm16.pcapng")
        #expect(pcap.frames.count == 217)
        #expect(pcap.bytes == pcapng.bytes)
        #expect(pcap.frames.map(\.range) == pcapng.frames.map(\.range))
        #expect(pcap.frames.map(\.originalByteCount) == pcap.frames.map(\.range.count))
        #expect(pcap.frames.map(\.timestampNanoseconds) == pcapng.frames.map(\.timestampNanoseconds))
        // The file's own bytes: a global header of 24, a record header of 16, the frame.
        let file = try Data(contentsOf: Self.fixtures.appending(path: "01-tunnel-aes128gcm16.pcap"))
        #expect([UInt8](pcap[0]) == [UInt8](file[40..<40 + pcap.frames[0].range.count]))
    }

    @Test(arguments: ["01-tunnel-aes128gcm16.pcap", "01-tunnel-aes128gcm16.pcapng"])
    func roundTrip(name: String) throws {
        let original = try Self.fixture(name)
        try withFile { path in
            for precision in [CaptureWriter.Precision.nanoseconds, .microseconds] {
                var writer = try CaptureWriter(writing: path, precision: precision)
                for (index, frame) in original.frames.enumerated() {
                    original[index].withUnsafeBytes {
                        writer.write(
                            RawSpan(_unsafeBytes: $0), timestampNanoseconds: frame.timestampNanoseconds + 123)
                    }
                }
                try writer.finish()
                let copy = try CaptureFile(reading: path)
                #expect(copy.bytes == original.bytes)
                let unit: UInt64 = precision == .nanoseconds ? 1 : 1000
                #expect(
                    copy.frames.map(\.timestampNanoseconds)
                        == original.frames.map { ($0.timestampNanoseconds + 123) / unit * unit })
            }
        }
    }

    @Test func copiesIntoFrames() throws {
        let capture = try Self.fixture("01-tunnel-aes128gcm16.pcap")
        let memory = FrameMemory(frameCount: 2, frameStride: 2240)
        let count = capture.frames[5].range.count
        capture.copy(5, into: memory, at: 2240 + 256)
        #expect(bytes(of: Packet(start: 2240 + 256, byteCount: count), in: memory) == [UInt8](capture[5]))
    }

    @Test func saysWhatIsWrong() throws {
        let missing = #expect(throws: PortFailure.self) { _ = try CaptureFile(reading: "/nowhere/a.pcap") }
        #expect(missing?.description == "/nowhere/a.pcap: No such file or directory")
        let unwritable = #expect(throws: PortFailure.self) { _ = try CaptureWriter(writing: "/nowhere/a.pcap") }
        #expect(unwritable?.description == "/nowhere/a.pcap: No such file or directory")
        try withFile { path in
            let fixture = try Data(contentsOf: Self.fixtures.appending(path: "01-tunnel-aes128gcm16.pcap"))

            // Link type 101 is raw IP.
            var raw = fixture
            raw[20] = 101
            try raw.write(to: URL(fileURLWithPath: path))
            let notEthernet = #expect(throws: PortFailure.self) { _ = try CaptureFile(reading: path) }
            #expect(notEthernet?.description == "\(path): its frames are RAW; only Ethernet can be read")

            try fixture.prefix(24 + 16 + 10).write(to: URL(fileURLWithPath: path))
            let cut = #expect(throws: PortFailure.self) { _ = try CaptureFile(reading: path) }
            #expect(cut?.description.hasPrefix("\(path): after 0 frames: truncated dump file") == true)

            try Data("no capture, but long enough to have been one".utf8).write(to: URL(fileURLWithPath: path))
            let text = #expect(throws: PortFailure.self) { _ = try CaptureFile(reading: path) }
            #expect(text?.description == "\(path): unknown file format")
        }
        let full = #expect(throws: PortFailure.self) {
            var writer = try CaptureWriter(writing: "/dev/full")
            let frame = [UInt8](repeating: 1, count: 60)
            frame.withUnsafeBytes { writer.write(RawSpan(_unsafeBytes: $0), timestampNanoseconds: 0) }
            try writer.finish()
        }
        #expect(full?.description == "/dev/full: not everything could be written")
    }
}

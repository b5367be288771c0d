import Associations
import FastPath
import TestSupport
import Testing
import Wire

/// The maximum segment size of SYNs, both ways, made to fit ESP, with the checksum right.
@Suite struct SegmentSizeTests {
    /// A segment with these options and a true checksum.
    static func segment(
        from source: String, to destination: String, _ ports: (UInt16, UInt16), flags: UInt8, options: Bytes,
        payload: Bytes = []
    ) -> Bytes {
        var bytes = tcp(ports.0, ports.1, flags: flags)
        bytes[12] = UInt8(5 + options.count / 4) << 4
        bytes += options + payload
        let pseudo = bigEndian(address(source).v4) + bigEndian(address(destination).v4) + [0, 6]
        let checksum = internetChecksum(pseudo + bigEndian(UInt16(bytes.count)) + bytes)
        bytes.replaceSubrange(16..<18, with: bigEndian(checksum))
        return ipv4(from: source, to: destination, protocol: 6, bytes)
    }

    static func fromClient(_ options: Bytes, flags: UInt8 = TCPFlags.syn, payload: Bytes = []) -> Bytes {
        segment(
            from: Example.inner, to: Example.dvipa, (40000, 80), flags: flags, options: options, payload: payload)
    }

    static func fromHost(_ options: Bytes, flags: UInt8 = TCPFlags.syn | TCPFlags.ack) -> Bytes {
        segment(from: Example.dvipa, to: Example.inner, (80, 40000), flags: flags, options: options)
    }

    static func mss(_ value: UInt16) -> Bytes { [2, 4] + bigEndian(value) }

    static func configuration(pathMTU: Int = 1500, innerMTU: Int = 65535) -> HostConfiguration {
        var configuration = Example.targetConfiguration()
        configuration.pathMTU = pathMTU
        configuration.innerMTU = innerMTU
        return configuration
    }

    /// 1500 less 28 of GRE, 20 of outer header, 16 of ESP and IV, 16 of ICV is 1420: 1418 and the trailer; 40 of headers.
    static let fits: UInt16 = 1378

    @Test func aClientsSYNIsClamped() {
        var bench = Example.target(Self.configuration())
        func delivered(_ number: UInt64, _ inner: Bytes) -> Bytes {
            let result = bench.open(Example.wrapped(Example.tunnelFrame(number: number, inner)))
            #expect(result.verdict == .delivered)
            return result.bytes
        }
        #expect(delivered(1, Self.fromClient(Self.mss(1460))) == Self.fromClient(Self.mss(Self.fits)))
        #expect(delivered(2, Self.fromClient(Self.mss(1300))) == Self.fromClient(Self.mss(1300)), "less stays")
        let padded: Bytes = [1, 2, 4, 0x05, 0xB4, 1, 1, 0]
        #expect(
            delivered(3, Self.fromClient(padded)) == Self.fromClient([1, 2, 4] + bigEndian(Self.fits) + [1, 1, 0]),
            "at an odd place")
        let behind: Bytes = [4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0]
        #expect(
            delivered(4, Self.fromClient(behind + Self.mss(9000), payload: [1, 2, 3]))
                == Self.fromClient(behind + Self.mss(Self.fits), payload: [1, 2, 3]), "behind others, with data")
        for (number, options) in [[], [0, 2, 4, 5], [2, 3, 5, 5], [8, 60, 0, 0], [1, 1, 1, 2], [3, 0, 2, 4]]
            .enumerated()
        {
            let inner = Self.fromClient(Bytes(options.map { UInt8($0) }))
            #expect(delivered(UInt64(5 + number), inner) == inner, "no such option, or nonsense")
        }
        let data = Self.fromClient(Self.mss(1460), flags: TCPFlags.ack)
        #expect(delivered(20, data) == data, "no SYN")
    }

    /// Every value over the limit, so that every carry of the checksum comes about.
    @Test func theChecksumIsRightForEveryValue() {
        var bench = Example.target(Self.configuration())
        var number: UInt64 = 0
        for value in stride(from: UInt16(1379), through: 65_500, by: 641) {
            number += 1
            for options in [Self.mss(value), [1] + Self.mss(value) + [1, 1, 1]] {
                number += 1
                var limited = options
                limited.replaceSubrange(
                    (options.count == 4 ? 2 : 3)..<(options.count == 4 ? 4 : 5), with: bigEndian(Self.fits))
                let result = bench.open(Example.wrapped(Example.tunnelFrame(number: number, Self.fromClient(options))))
                #expect(result.bytes == Self.fromClient(limited), "\(value)")
            }
        }
    }

    @Test(arguments: Provider.available) func aHostsAnswerIsClamped(_ provider: Provider) throws {
        var bench = Example.target(Self.configuration(), provider)
        var client = Example.endpoint(provider)
        try bench.host.apply(.lease(Example.outTunnel.spi, Example.lease(1, 1000)))
        let sealed = bench.seal(Self.fromHost(Self.mss(1460)))
        #expect(
            client.open(sealed.bytes)
                == HostBench.Result(verdict: .delivered, bytes: Self.fromHost(Self.mss(Self.fits))))
    }

    /// Ports, modes and transforms leave different room; the device's own MTU is a limit, too.
    @Test func theLimitIsTheSAsOwn() {
        var bench = Example.target(Self.configuration(innerMTU: 1300))
        let result = bench.open(Example.wrapped(Example.tunnelFrame(number: 1, Self.fromClient(Self.mss(1460)))))
        #expect(result.bytes == Self.fromClient(Self.mss(1260)))
        var wide = Example.target(Self.configuration(pathMTU: 9000))
        let jumbo = wide.open(Example.wrapped(Example.tunnelFrame(number: 1, Self.fromClient(Self.mss(8960)))))
        #expect(jumbo.bytes == Self.fromClient(Self.mss(8878)))
        // Transport mode: 20 bytes of inner header less.
        let whole = Self.segment(
            from: Example.client, to: Example.outerDVIPA, (40000, 80), flags: TCPFlags.syn, options: Self.mss(1460))
        var transport = Example.target(Self.configuration())
        let plain = transport.open(Example.wrapped(Example.transportFrame(number: 1, Bytes(whole.dropFirst(20)))))
        let expected = Self.segment(
            from: Example.client, to: Example.outerDVIPA, (40000, 80), flags: TCPFlags.syn, options: Self.mss(1398))
        #expect(plain.bytes == expected)
    }
}

import Associations
import CTwin
import FastPath
import Wire

/// Makes Ethernet frames with an ESP tunnel packet (RFC 4303, RFC 4106) that holds a TCP segment.
public struct PacketMill {
    static let syn: UInt8 = 0x02, ack: UInt8 = 0x10
    private static let ethernet = 14, ip = 20, tcp = 20, esp = 8, iv = 8, icv = 16

    private let cluster: Cluster
    private var peers: [Cluster.Peer] { cluster.peers }
    private let sealers: [Sealer]
    private let seals: Bool
    private var sequenceNumbers: [UInt32]

    private final class Sealer {
        let handle: OpaquePointer
        init(key: [UInt8]) { handle = twin_sealer_create(key, UInt32(key.count))! }
        deinit { twin_sealer_destroy(handle) }
    }

    init(cluster: Cluster, seals: Bool = true) {
        self.seals = seals
        self.cluster = cluster
        sealers = cluster.peers.map { Sealer(key: $0.key) }
        sequenceNumbers = Array(repeating: 0, count: cluster.peers.count)
    }

    /// Padding brings pad length and next header to the end of a word of 4 bytes.
    static func textByteCount(inner: Int) -> Int { (inner + 2 + 3) / 4 * 4 }

    static func frameByteCount(inner: Int) -> Int {
        ethernet + ip + esp + iv + textByteCount(inner: inner) + icv
    }

    /// Seals one segment of `connection` under the next number of its SA.
    mutating func make(connection: Int, inner: Int, flags: UInt8, into frame: UnsafeMutableRawBufferPointer) {
        let index = connection % peers.count
        let text = Self.textByteCount(inner: inner)
        sequenceNumbers[index] += 1
        let number = sequenceNumbers[index]
        let peer = peers[index]

        frame.store(Cluster.routerMAC, at: 0)
        frame.store(Cluster.clientMAC, at: 6)
        frame.store(UInt16(0x0800), at: 12)
        let ipStart = Self.ethernet
        frame.storeIPv4(
            at: ipStart, total: frame.count - ipStart, ipProtocol: 50, source: Cluster.outerAddress(of: index),
            destination: Cluster.gateway.v4)
        let espStart = ipStart + Self.ip
        frame.store(peer.association.spi.rawValue, at: espStart)
        frame.store(number, at: espStart + 4)
        // RFC 4106 §3.1 wants an IV that never repeats: the sequence number is one.
        frame.store(UInt64(number), at: espStart + 8)

        let innerStart = espStart + Self.esp + Self.iv
        let flow = cluster.flow(of: connection)
        frame.storeIPv4(
            at: innerStart, total: inner, ipProtocol: flow.ipProtocol, source: flow.remote.v4,
            destination: flow.local.v4)
        frame.storeTCP(
            at: innerStart + Self.ip, byteCount: inner - Self.ip, source: flow.remotePort,
            destination: flow.localPort, number: number, flags: flags)
        let padding = text - inner - 2
        for offset in 0..<padding { frame[innerStart + inner + offset] = UInt8(offset + 1) }
        frame[innerStart + text - 2] = UInt8(padding)
        frame[innerStart + text - 1] = 4

        guard seals else { return }
        var nonce = peer.salt
        nonce += frame[(espStart + 8)..<(espStart + 16)]
        let start = frame.baseAddress!.assumingMemoryBound(to: UInt8.self)
        twin_seal(
            sealers[index].handle, nonce, start + espStart, Self.esp, start + innerStart, text,
            start + innerStart + text)
    }
}

extension UnsafeMutableRawBufferPointer {
    func store(_ value: some FixedWidthInteger, at offset: Int) {
        storeBytes(of: value.bigEndian, toByteOffset: offset, as: type(of: value))
    }

    func store(_ address: MACAddress, at offset: Int) {
        store(UInt16(truncatingIfNeeded: address.rawValue >> 32), at: offset)
        store(UInt32(truncatingIfNeeded: address.rawValue), at: offset + 2)
    }

    private func sum(at start: Int, count: Int, initial: UInt16 = 0) -> UInt16 {
        InternetChecksum.sum(RawSpan(_unsafeBytes: self[start..<start + count]), initial: initial)
    }

    func storeIPv4(at start: Int, total: Int, ipProtocol: UInt8, source: UInt32, destination: UInt32) {
        store(UInt16(0x4500), at: start)
        store(UInt16(total), at: start + 2)
        store(UInt32(0x0000_4000), at: start + 4)
        self[start + 8] = 64
        self[start + 9] = ipProtocol
        store(UInt16(0), at: start + 10)
        store(source, at: start + 12)
        store(destination, at: start + 16)
        store(~sum(at: start, count: 20), at: start + 10)
    }

    /// A segment whose data counts up. The IPv4 header stands right in front of it.
    func storeTCP(at start: Int, byteCount: Int, source: UInt16, destination: UInt16, number: UInt32, flags: UInt8) {
        store(source, at: start)
        store(destination, at: start + 2)
        store(number, at: start + 4)
        store(UInt32(0), at: start + 8)
        self[start + 12] = 0x50
        self[start + 13] = flags
        store(UInt16(0xFFFF), at: start + 14)
        store(UInt32(0), at: start + 16)
        for offset in 20..<Swift.max(20, byteCount) { self[start + offset] = UInt8(truncatingIfNeeded: offset) }
        // Pseudo-header (RFC 9293 §3.1): addresses, protocol, length.
        let addresses = sum(at: start - 8, count: 8)
        let pseudo = InternetChecksum.fold(UInt64(addresses) + 6 + UInt64(byteCount))
        store(~sum(at: start, count: byteCount, initial: pseudo), at: start + 16)
    }
}

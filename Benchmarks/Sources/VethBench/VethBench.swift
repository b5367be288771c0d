// VethBench generate interface=IF seconds=N
// VethBench receive path=router|forwarder port=af_xdp|packet_socket client=IF trusted=IF seconds=N
//
// The two ends of scripts/bench/veth.py, each run in its network namespace. `receive` prints packets a second that were
// handed to the trusted interface, counted from the first packet on.
import CMachine
import FastPath
import Foundation
import VethGenerator
import Workload

@main enum VethBench {
    static let scenario = Scenario(associations: 1, connections: 64, innerByteCount: 64, packets: 64)

    static func main() throws {
        var options: [String: String] = [:]
        for argument in CommandLine.arguments.dropFirst(2) {
            let parts = argument.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { fail("unknown argument \(argument)") }
            options[parts[0]] = parts[1]
        }
        func option(_ name: String) -> String {
            guard let value = options[name] else { fail("\(name)= is missing") }
            return value
        }
        guard let seconds = Double(option("seconds")) else { fail("seconds= must be a number") }
        switch CommandLine.arguments.dropFirst().first {
        case "generate": try generate(on: option("interface"), seconds: seconds)
        case "receive":
            guard let choice = PortChoice(rawValue: option("port")) else {
                fail("port= must be af_xdp or packet_socket")
            }
            let port = try RouterPort.open(
                choice: choice, clientInterface: option("client"), trustedInterface: option("trusted"),
                ownedAddresses: [Cluster.gateway, Cluster.dvipa])
            try receive(port, path: option("path"), seconds: seconds)
        default: fail("generate or receive")
        }
    }

    static func generate(on interface: String, seconds: Double) throws {
        machine_pin(0)
        let store = PacketStore(scenario, seals: false)
        let peer = store.cluster.peers[0]
        let count = store.frames.withBytes { templates in
            peer.key.withUnsafeBufferPointer { key in
                peer.salt.withUnsafeBufferPointer { salt in
                    interface.withCString { name in
                        var load = veth_load(
                            interface: name, templates: templates.baseAddress!.assumingMemoryBound(to: UInt8.self),
                            template_count: store.frames.count, frame_bytes: store.frames.frameByteCount,
                            esp_offset: PacketStore.espOffset, key: key.baseAddress!, salt: salt.baseAddress!,
                            seconds: seconds)
                        return veth_generate(&load)
                    }
                }
            }
        }
        guard count >= 0 else { exit(1) }
        print(Int((Double(count) / seconds).rounded()))
    }

    static func receive(_ port: consuming RouterPort, path: String, seconds: Double) throws {
        machine_pin(1)
        FileHandle.standardError.write(Data("\(port.summary)\n".utf8))
        var batch = PacketBatch()
        var router = try RouterPath.router(for: PacketStore(scenario, seals: false), verifies: true)
        let forwards = path == "forwarder"
        guard forwards || path == "router" else { fail("path= must be router or forwarder") }
        // The other end starts when it reads this.
        print("ready")
        fflush(nil)
        var first: ContinuousClock.Instant?
        var sent = 0
        let clock = ContinuousClock()
        let patience = clock.now + .seconds(20)
        while true {
            port.receive(into: &batch)
            if batch.isEmpty {
                port.wait(milliseconds: 10)
            } else {
                if first == nil { first = clock.now }
                if forwards {
                    for index in 0..<batch.count { bounce(&batch[index], in: port.memory) }
                } else {
                    router.process(&batch, in: port.memory, now: 1)
                }
                port.transmit(&batch)
                if !forwards { router.account(batch) }
                for index in 0..<batch.count where batch[index].verdict.steers { sent += 1 }
                port.release(&batch)
            }
            if let first {
                let elapsed = first.duration(to: clock.now)
                if elapsed >= .seconds(seconds) {
                    let all = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
                    print(Int((Double(sent) / all).rounded()))
                    if !forwards { print(router.counters.snapshot()) }
                    return
                }
            } else if clock.now > patience {
                fail("nothing arrived")
            }
        }
    }

    /// All that a forwarder does: swap the Ethernet addresses and send.
    @inline(__always)
    static func bounce(_ packet: inout Packet, in memory: borrowing FrameMemory) {
        var bytes = memory.mutableBytes(at: packet.start, count: 12)
        bytes.withUnsafeMutableBytes { bytes in
            let destination = bytes.loadUnaligned(as: UInt64.self)
            let source = bytes.loadUnaligned(fromByteOffset: 6, as: UInt32.self)
            let sourceEnd = bytes.loadUnaligned(fromByteOffset: 10, as: UInt16.self)
            bytes.storeBytes(of: source, as: UInt32.self)
            bytes.storeBytes(of: sourceEnd, toByteOffset: 4, as: UInt16.self)
            bytes.storeBytes(of: UInt32(truncatingIfNeeded: destination), toByteOffset: 6, as: UInt32.self)
            bytes.storeBytes(of: UInt16(truncatingIfNeeded: destination >> 32), toByteOffset: 10, as: UInt16.self)
        }
        packet.verdict = .steered
    }

    static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("VethBench: \(message)\n".utf8))
        exit(2)
    }
}

public import Wire

/// Which port a router is to use, in the configuration's words.
public enum PortChoice: String, Sendable, CaseIterable {
    /// AF_XDP where it works, a packet socket otherwise.
    case auto
    case afXDP = "af_xdp"
    case packetSocket = "packet_socket"
}

/// A router's port, whichever it is. It asks once a batch which one.
public struct RouterPort: ~Copyable, FramePort {
    // Exactly one of them is there. (An enum's payload cannot be changed in place yet.)
    private var afXDP: AFXDPPort?
    private var packetSocket: PacketSocketPort?
    public let summary: String

    /// Opens the port that was chosen; the parameters are as for `AFXDPPort`. With `auto`, the summary says why
    /// AF_XDP could not be had.
    /// It is the first of `workers`: see `beside`.
    public static func open(
        choice: PortChoice, clientInterface: String, trustedInterface: String, ownedAddresses: [IPAddress],
        workers: Int = 1
    ) throws(PortFailure) -> RouterPort {
        switch choice {
        case .afXDP:
            return RouterPort(
                try AFXDPPort(
                    clientInterface: clientInterface, trustedInterface: trustedInterface,
                    ownedAddresses: ownedAddresses, workers: workers))
        case .packetSocket:
            return RouterPort(
                try PacketSocketPort(
                    clientInterface: clientInterface, trustedInterface: trustedInterface,
                    ownedAddresses: ownedAddresses), because: nil)
        case .auto:
            do throws(PortFailure) {
                return try open(
                    choice: .afXDP, clientInterface: clientInterface, trustedInterface: trustedInterface,
                    ownedAddresses: ownedAddresses, workers: workers)
            } catch {
                return RouterPort(
                    try PacketSocketPort(
                        clientInterface: clientInterface, trustedInterface: trustedInterface,
                        ownedAddresses: ownedAddresses), because: error)
            }
        }
    }

    /// The port of another worker. Throws for a packet socket's, which has one worker.
    public static func open(
        beside first: borrowing RouterPort, clientInterface: String, trustedInterface: String, worker: Int,
        of workers: Int
    ) throws(PortFailure) -> RouterPort {
        switch first.afXDP {
        case .some(let port):
            return RouterPort(
                try AFXDPPort(
                    beside: port, clientInterface: clientInterface, trustedInterface: trustedInterface,
                    worker: worker, of: workers))
        case .none: throw PortFailure("a packet socket has one worker")
        }
    }

    public var isAFXDP: Bool { afXDP != nil }

    init(_ port: consuming AFXDPPort) {
        summary = port.summary
        afXDP = consume port
        packetSocket = nil
    }

    init(_ port: consuming PacketSocketPort, because failure: PortFailure?) {
        summary = port.summary + (failure.map { "; AF_XDP failed: \($0)" } ?? "")
        afXDP = nil
        packetSocket = consume port
    }

    public var memory: FrameMemory {
        _read {
            switch afXDP {
            case .some(let port): yield port.memory
            case .none:
                switch packetSocket {
                case .some(let port): yield port.memory
                case .none: fatalError("a router port is one or the other")
                }
            }
        }
    }

    public mutating func receive(into batch: inout PacketBatch) {
        if afXDP != nil { afXDP!.receive(into: &batch) } else { packetSocket!.receive(into: &batch) }
    }

    public mutating func lend(to batch: inout PacketBatch) -> Bool {
        if afXDP != nil { return afXDP!.lend(to: &batch) }
        return packetSocket!.lend(to: &batch)
    }

    public mutating func transmit(_ batch: inout PacketBatch) {
        if afXDP != nil { afXDP!.transmit(&batch) } else { packetSocket!.transmit(&batch) }
    }

    public mutating func release(_ batch: inout PacketBatch) {
        if afXDP != nil { afXDP!.release(&batch) } else { packetSocket!.release(&batch) }
    }

    public mutating func wait(milliseconds: Int32) { wait(milliseconds: milliseconds, or: -1) }

    /// Sleeps also only until `descriptor` is readable; a negative one never is. A packet socket's router has one worker, which
    /// nobody wakes.
    mutating func wait(milliseconds: Int32, or descriptor: Int32) {
        if afXDP != nil {
            afXDP!.wait(milliseconds: milliseconds, or: descriptor)
        } else {
            packetSocket!.wait(milliseconds: milliseconds)
        }
    }

    /// ESP for this address comes to the port from now on.
    public mutating func own(_ address: IPAddress) throws(PortFailure) {
        if afXDP != nil { try afXDP!.own(address) } else { try packetSocket!.own(address) }
    }

    /// ESP for this address is not taken from now on.
    public mutating func disown(_ address: IPAddress) throws(PortFailure) {
        if afXDP != nil { try afXDP!.disown(address) } else { try packetSocket!.disown(address) }
    }

    /// The port's own counters by name.
    public mutating func statistics() -> [String: UInt64] {
        if afXDP != nil { return afXDP!.statistics() }
        return packetSocket!.statistics()
    }
}

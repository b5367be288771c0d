internal import Associations
internal import Glibc
internal import Wire

/// IPsec as the kernel does it (linux/xfrm.h): SAs ("states") and what it asks of packets ("policies"), over NETLINK_XFRM. All
/// of ours bear one mark, `KernelSelector.request`, so that a later process finds them.
///
/// ```
/// selector  destination 16, source 16, destination port 2 and mask 2, source port 2 and mask 2,
///           family 2, prefix lengths 1 + 1, protocol 1, 0 (3), interface 4, user 4                                  56
/// state     selector 56, id (destination 16, SPI 4, protocol 1, 0 (3)), source 16, limits 64, counted 32, statistics 12,
///           sequence 4, request 4, family 2, mode 1, window 1, flags 1, 0 (7)                                     224
/// policy    selector 56, limits 64, counted 32, priority 4, index 4, direction 1, action 1, flags 1, share 1, 0 (4) 168
/// template  id 24, family 2, 0 (2), source 16, request 4, mode 1, share 1, optional 1, 0 (1), algorithms 4 + 4 + 4    64
/// ```
///
/// Ports, SPIs and addresses are in network order, all else is in the host's.
extension Netlink {
    private enum Security {
        static let newState: UInt16 = 0x10, deleteState: UInt16 = 0x11, getStates: UInt16 = 0x12
        static let newPolicy: UInt16 = 0x13, deletePolicy: UInt16 = 0x14, getPolicies: UInt16 = 0x15
        static let updatePolicy: UInt16 = 0x19, updateState: UInt16 = 0x1A
    }
    private enum Attribute {
        static let authentication: UInt16 = 20, cipher: UInt16 = 2, combined: UInt16 = 18
        static let encapsulation: UInt16 = 4, template: UInt16 = 5, replay: UInt16 = 23
    }
    private static let esp: UInt8 = 50
    /// XFRM_STATE_ESN.
    private static let esn: UInt8 = 128
    /// UDP_ENCAP_ESPINUDP.
    private static let espInUDP: UInt16 = 2

    /// An inbound SA. Throws EEXIST where there is one of its destination and SPI.
    mutating func addState(
        _ association: SecurityAssociation, _ selector: KernelSelector, upTo limits: KernelLimits
    ) throws(SystemError) {
        var message = message(Security.newState, Flag.acknowledge)
        append(association, selector, limits, to: &message)
        try change(message, "give the kernel the SA", association.name)
    }

    /// Other limits for an SA; its window and its counts stay.
    mutating func limitState(
        _ association: SecurityAssociation, _ selector: KernelSelector, upTo limits: KernelLimits
    ) throws(SystemError) {
        var message = message(Security.updateState, Flag.acknowledge)
        append(association, selector, limits, to: &message)
        try change(message, "limit the kernel's SA", association.name)
    }

    mutating func deleteState(to destination: IPAddress, spi: SPI) throws(SystemError) {
        var message = message(Security.deleteState, Flag.acknowledge)
        message.appendWide(destination)
        message.append(spi.rawValue.bigEndian)
        message.append(UInt16(destination.family))
        message.append(Self.esp)
        message.append(UInt8(0))
        try change(message, "take from the kernel the SA", "\(spi)", tolerated: ESRCH)
    }

    /// The SAs that bear our mark.
    mutating func states() throws(SystemError) -> [KernelState] {
        let message = message(Security.getStates, Flag.dump)
        return try ask(message, "list the kernel's", "SAs").compactMap(KernelState.init)
    }

    /// Packets that match the selector, and come in, must have come under an SA to that address. Put in place of one that is
    /// there.
    mutating func addPolicy(_ policy: KernelPolicy) throws(SystemError) {
        var message = message(Security.updatePolicy, Flag.acknowledge)
        message.append(policy.selector.bytes)
        for _ in 0..<4 { message.append(UInt64.max) }
        for _ in 0..<8 { message.append(UInt64(0)) }
        message.append(KernelSelector.request)
        message.append(UInt32(0))
        // Direction in, action allow.
        message.append([0, 0, 0, 0, 0, 0, 0, 0])
        var template = NetlinkMessage(type: 0, flags: 0, sequence: 0)
        template.appendWide(policy.destination)
        template.append(UInt32(0))
        template.append([Self.esp, 0, 0, 0])
        template.append(UInt16(policy.destination.family))
        template.append(UInt16(0))
        template.appendWide(nil)
        template.append(KernelSelector.request)
        template.append([policy.isTunnel ? 1 : 0, 0, 0, 0])
        for _ in 0..<3 { template.append(UInt32.max) }
        message.attribute(Attribute.template, Array(template.bytes[NetlinkMessage.headerByteCount...]))
        try change(message, "ask IPsec of", "\(policy.selector)")
    }

    mutating func deletePolicy(of selector: KernelSelector) throws(SystemError) { try deletePolicy(selector.bytes) }

    /// Those that bear our mark: what a process before this one left.
    mutating func sweepPolicies() throws(SystemError) {
        let message = message(Security.getPolicies, Flag.dump)
        for policy in try ask(message, "list the kernel's", "IPsec policies") where policy.count >= 168 {
            // Priority, and direction in.
            guard policy.number(UInt32.self, at: 152) == KernelSelector.request, policy.number(UInt8.self, at: 160) == 0
            else { continue }
            try deletePolicy(Array(policy.bytes.prefix(KernelSelector.byteCount)))
        }
    }

    private mutating func deletePolicy(_ selector: [UInt8]) throws(SystemError) {
        var message = message(Security.deletePolicy, Flag.acknowledge)
        message.append(selector)
        message.append(UInt32(0))
        message.append([0, 0, 0, 0])
        try change(message, "ask IPsec no longer of", "packets", tolerated: ENOENT)
    }

    private func append(
        _ association: SecurityAssociation, _ selector: KernelSelector, _ limits: KernelLimits,
        to message: inout NetlinkMessage
    ) {
        message.append(selector.bytes)
        message.appendWide(association.destination)
        message.append(association.spi.rawValue.bigEndian)
        message.append([Self.esp, 0, 0, 0])
        message.appendWide(association.source)
        for limit in [.max, limits.bytes, .max, limits.packets] { message.append(limit) }
        for _ in 0..<8 { message.append(UInt64(0)) }
        for _ in 0..<4 { message.append(UInt32(0)) }
        message.append(KernelSelector.request)
        message.append(UInt16(association.destination.family))
        message.append([association.mode == .tunnel ? 1 : 0, 0, association.hasESN ? Self.esn : 0])
        message.append(Array(repeating: 0, count: 7))
        let algorithm = KernelAlgorithm(association.transform)
        let key = association.key.copy + association.salt.copy
        if let bits = algorithm.combinedBits {
            message.attribute(Attribute.combined, algorithm.value(algorithm.cipher, key, bits))
        } else {
            message.attribute(Attribute.cipher, algorithm.value(algorithm.cipher, key, nil))
        }
        if let (name, bits) = algorithm.integrity {
            message.attribute(
                Attribute.authentication, algorithm.value(name, association.authenticationKey.copy, bits))
        }
        message.attribute(Attribute.replay, Self.window(of: association.replayWindow))
        if let udp = association.udpEncapsulation {
            var value = NetlinkMessage(type: 0, flags: 0, sequence: 0)
            value.append(Self.espInUDP)
            value.append(udp.remotePort.bigEndian)
            value.append(udp.localPort.bigEndian)
            value.append(UInt16(0))
            value.appendWide(nil)
            message.attribute(Attribute.encapsulation, Array(value.bytes[NetlinkMessage.headerByteCount...]))
        }
    }

    /// struct xfrm_replay_state_esn: words of the bitmap, numbers (out, in; upper halves), window, bitmap. Without ESN it is a
    /// window of any width, too.
    private static func window(of packets: Int) -> [UInt8] {
        var value = NetlinkMessage(type: 0, flags: 0, sequence: 0)
        let words = (packets + 31) / 32
        value.append(UInt32(words))
        for _ in 0..<4 { value.append(UInt32(0)) }
        value.append(UInt32(packets))
        for _ in 0..<words { value.append(UInt32(0)) }
        return Array(value.bytes[NetlinkMessage.headerByteCount...])
    }
}

/// What one of the kernel's SAs has done.
struct KernelState {
    let spi: SPI
    let destination: IPAddress
    let packets: UInt64
    /// Of what was inside, as the kernel counts.
    let bytes: UInt64
    let replayed: UInt32
    let forged: UInt32
    /// The highest number accepted.
    let highest: UInt64

    /// nil for one that is none of ours.
    init?(_ state: NetlinkBytes) {
        guard state.count >= 224, state.number(UInt32.self, at: 208) == KernelSelector.request,
            let destination = NetlinkBytes(
                bytes: state.from(56).bytes.prefix(state.number(UInt16.self, at: 212) == 2 ? 4 : 16)
            ).address
        else { return nil }
        spi = SPI(rawValue: UInt32(bigEndian: state.number(at: 72)))
        self.destination = destination
        bytes = state.number(at: 160)
        packets = state.number(at: 168)
        replayed = state.number(at: 196)
        forged = state.number(at: 200)
        let replay = state.attributes(from: 224)[23]
        highest =
            replay.map { replay in
                replay.count < 24
                    ? 0
                    : UInt64(replay.number(UInt32.self, at: 16)) << 32 | UInt64(replay.number(UInt32.self, at: 8))
            } ?? 0
    }
}

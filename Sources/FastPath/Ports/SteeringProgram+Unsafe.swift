internal import CBPF
internal import Glibc
internal import Wire
internal import XDPProgram

/// BPF/steer.bpf.c in the kernel, attached to the client's interface by a bpf_link: when the link's descriptor is
/// closed, which the kernel does when the process dies, every frame goes to the kernel again.
struct SteeringProgram: ~Copyable {
    private let clientLink: FileDescriptor
    private var trustedLink: FileDescriptor?
    private let object: BPFObject
    private let ownedMap: Int32
    private let ownedMap6: Int32
    /// Open as long as the program is here.
    let socketMap: Int32
    /// "driver mode", or "generic mode" with the reason.
    let mode: String

    /// Entries in `owned_v4` and in `owned_v6`.
    static let ownedCapacity = 4096

    /// Loads the program and attaches it. It passes everything until sockets and addresses are added.
    static func attach(to interface: NetworkInterface) throws(PortFailure) -> SteeringProgram {
        cbpf_listen()
        try refuseOtherProgram(on: interface)
        let object = try BPFObject(XDPProgram.object, receiveQueues: interface.receiveQueues)
        let steer = try object.program("steer")
        let owned = try object.map("owned_v4")
        let owned6 = try object.map("owned_v6")
        let sockets = try object.map("xsks")
        var mode = "driver mode"
        var link = cbpf_attach(steer, interface.index, UInt32(XDP_FLAGS_DRV_MODE))
        if link < 0 {
            mode = "generic mode (driver mode: \(explanation(link, interface)))"
            link = cbpf_attach(steer, interface.index, UInt32(XDP_FLAGS_SKB_MODE))
        }
        guard link >= 0 else { throw PortFailure("attaching the XDP program to \(interface.name)", errno: link) }
        return SteeringProgram(
            object: object, link: FileDescriptor(owning: link), ownedMap: (owned, owned6), socketMap: sockets,
            mode: mode)
    }

    private init(
        object: consuming BPFObject, link: consuming FileDescriptor, ownedMap: (Int32, Int32), socketMap: Int32,
        mode: String
    ) {
        self.object = object
        clientLink = link
        trustedLink = nil
        (self.ownedMap, ownedMap6) = ownedMap
        self.socketMap = socketMap
        self.mode = mode
    }

    /// Attaches a program that passes everything to the trusted interface, for drivers that serve a socket without
    /// copying only while a program is there.
    mutating func passEverything(on interface: NetworkInterface) throws(PortFailure) {
        try Self.refuseOtherProgram(on: interface)
        let link = cbpf_attach(try object.program("pass"), interface.index, UInt32(XDP_FLAGS_DRV_MODE))
        guard link >= 0 else { throw PortFailure("attaching an XDP program to \(interface.name)", errno: link) }
        trustedLink = FileDescriptor(owning: link)
    }

    /// Sends what is ours and arrives on `queue` to the socket.
    func connect(socket: Int32, to queue: Int) throws(PortFailure) {
        try Self.connect(socket: socket, to: queue, through: socketMap)
    }

    /// The same for another worker's socket, through the map of the one program.
    static func connect(socket: Int32, to queue: Int, through socketMap: Int32) throws(PortFailure) {
        var key = UInt32(queue)
        var value = socket
        // Key and value are of the map's sizes and used during the call only.
        let failure = unsafe bpf_map_update_elem(socketMap, &key, &value, UInt64(BPF_ANY))
        guard failure == 0 else { throw PortFailure("connecting receive queue \(queue)", errno: failure) }
    }

    /// ESP for this address is ours from now on.
    func own(_ address: IPAddress) throws(PortFailure) {
        var value: UInt8 = 1
        // Value and key are of the map's sizes and used during the call only.
        let failure = unsafe withKey(of: address) { map, key in
            unsafe bpf_map_update_elem(map, key, &value, UInt64(BPF_ANY))
        }
        guard failure != -E2BIG else {
            throw PortFailure("\(address): \(Self.ownedCapacity) addresses are owned, there is no room for more")
        }
        guard failure == 0 else { throw PortFailure("owning \(address)", errno: failure) }
    }

    /// The kernel gets ESP for this address from now on. An address that was not owned is no failure.
    func disown(_ address: IPAddress) throws(PortFailure) {
        // The key is of the map's size and used during the call only.
        let failure = unsafe withKey(of: address) { map, key in unsafe bpf_map_delete_elem(map, key) }
        guard failure == 0 || failure == -ENOENT else { throw PortFailure("disowning \(address)", errno: failure) }
    }

    /// The map of the address's family, and its bytes as they are on the wire.
    @unsafe
    private func withKey(of address: IPAddress, _ body: (Int32, UnsafeRawPointer) -> Int32) -> Int32 {
        if address.isV4 {
            var key = address.v4.bigEndian
            // For the length of the call.
            return unsafe body(ownedMap, &key)
        }
        var key = (address.high.bigEndian, address.low.bigEndian)
        // For the length of the call.
        return unsafe body(ownedMap6, &key)
    }

    private static func refuseOtherProgram(on interface: NetworkInterface) throws(PortFailure) {
        var attached = cbpf_attached()
        // The answer is written during the call only.
        let failure = unsafe cbpf_attached_program(interface.index, &attached)
        guard failure == 0 else { throw PortFailure("asking for \(interface.name)'s XDP program", errno: failure) }
        guard attached.program_id != 0 else { return }
        // The kernel ends the name with a 0 inside its 16 bytes.
        let name = unsafe withUnsafeBytes(of: attached.name) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        let remedy =
            attached.by_link != 0
            ? "a running process holds it; stop that process (bpftool link shows it)"
            : "take it away with: ip link set \(interface.name) xdp off"
        throw PortFailure(
            "\(interface.name) already has an XDP program, \"\(name)\" (id \(attached.program_id)): \(remedy)")
    }

    private static func explanation(_ failure: Int32, _ interface: NetworkInterface) -> String {
        switch failure {
        case -ERANGE: "the MTU of \(interface.name) or of its veth peer is too large"
        case -ENOSPC: "\(interface.name)'s veth peer has more transmit queues than it has receive queues"
        default: PortFailure.reason(errno: failure)
        }
    }
}

/// A loaded BPF object; its programs and maps live as long as it does, or as something in the kernel uses them.
@safe private struct BPFObject: ~Copyable {
    private let object: OpaquePointer

    init(_ elf: [UInt8], receiveQueues: Int) throws(PortFailure) {
        // libbpf copies what it needs of the bytes before it returns.
        let opened = unsafe elf.withUnsafeBytes { bytes in
            unsafe bpf_object__open_mem(bytes.baseAddress, bytes.count, nil)
        }
        guard let opened = unsafe opened else { throw PortFailure("reading the XDP program", errno: errno) }
        var failure: Int32 = 0
        // The object was opened above and is ours; the map is the object's.
        if receiveQueues > 64, let map = unsafe bpf_object__find_map_by_name(opened, "xsks") {
            failure = unsafe bpf_map__set_max_entries(map, UInt32(receiveQueues))
        }
        if failure == 0 { failure = unsafe bpf_object__load(opened) }
        guard failure == 0 else {
            // Closed exactly once, here or in deinit. The warning is copied at once.
            unsafe bpf_object__close(opened)
            let warning = unsafe String(cString: cbpf_last_warning())
            throw PortFailure("loading the XDP program: \(PortFailure.reason(errno: failure)) \(warning)")
        }
        unsafe object = opened
    }

    deinit {
        // Opened in init, and nobody else has it.
        unsafe bpf_object__close(object)
    }

    func program(_ name: String) throws(PortFailure) -> Int32 {
        // The program belongs to the object, which is borrowed for the call.
        guard let program = unsafe bpf_object__find_program_by_name(object, name) else {
            throw PortFailure("the XDP object has no program \(name)")
        }
        return unsafe bpf_program__fd(program)
    }

    func map(_ name: String) throws(PortFailure) -> Int32 {
        // The object is open as long as we are.
        let descriptor = unsafe bpf_object__find_map_fd_by_name(object, name)
        guard descriptor >= 0 else { throw PortFailure("the XDP object has no map \(name)") }
        return descriptor
    }
}

internal import Associations
internal import Wire

/// Who the holders are to a sequencer: where each is, and what protects its messages. What is not authentic changes
/// nothing in it.
struct LeaseMail {
    enum Fault: Error, Equatable {
        case malformed
        /// Not from the address of the holder that it names.
        case strange
        /// Of a holder without a key.
        case unprotected
        case seal(LeaseChannel.Fault)
    }

    let holders: [HolderID: IPAddress]
    let protection: LeaseProtection
    /// Where each wrote from last.
    private var ports: [HolderID: UInt16] = [:]
    private var channels: [HolderID: LeaseChannel] = [:]
    /// Of connections that are over: their keys must not come again.
    private var former: [HolderID: LeaseChannel] = [:]

    init(holders: [HolderID: IPAddress], protection: LeaseProtection) {
        self.holders = holders
        self.protection = protection
    }

    /// Traps on the key that the holder had before.
    mutating func protect(_ holder: HolderID, _ key: SecretBytes, _ epoch: Epoch) {
        unprotect(holder)
        precondition(former[holder]?.isUnder(key) != true, "a lease key is for one connection")
        channels[holder] = LeaseChannel(.sequencer, of: holder, key: key, epoch: epoch)
    }

    mutating func unprotect(_ holder: HolderID) {
        if let channel = channels.removeValue(forKey: holder) { former[holder] = channel }
        ports[holder] = nil
    }

    mutating func advance(to epoch: Epoch) {
        for channel in channels.values { channel.advance(to: epoch) }
    }

    mutating func open(_ bytes: [UInt8], from source: SocketAddress) throws(Fault) -> LeaseMessage {
        let message: LeaseMessage
        switch protection {
        case .none:
            guard let read = LeaseMessage(bytes) else { throw .malformed }
            guard holders[read.holder] == source.address else { throw .strange }
            message = read
        case .sealed:
            guard let holder = LeaseChannel.holder(of: bytes) else { throw .malformed }
            guard holders[holder] == source.address else { throw .strange }
            guard let channel = channels[holder] else { throw .unprotected }
            do throws(LeaseChannel.Fault) { message = try channel.open(bytes) } catch { throw .seal(error) }
        }
        ports[message.holder] = source.port
        return message
    }

    /// nil while nobody knows where its holder is, or under which key.
    mutating func seal(_ message: LeaseMessage) -> ([UInt8], SocketAddress)? {
        guard let address = holders[message.holder], let port = ports[message.holder] else { return nil }
        let destination = SocketAddress(address: address, port: port)
        switch protection {
        case .none: return (message.bytes, destination)
        case .sealed: return channels[message.holder].map { ($0.seal(message), destination) }
        }
    }
}

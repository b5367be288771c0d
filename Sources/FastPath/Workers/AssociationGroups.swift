internal import Associations
internal import Wire

/// Which SAs one worker must own together: those under which the same connection may come (docs/workers.md). Two are of one
/// group when their selectors name the same remote addresses, as after a rekey, wherever the peer has moved meanwhile; or when
/// they come from the same peer, address and port, as several Child SAs do.
///
/// A group without SAs is remembered, with its owner, so that a peer which comes back finds its connections; the one that is
/// longest without gives way when groups run short. Its number is used again only when no worker can know an SA of it any more.
///
/// Only inbound SAs have groups. A value without I/O: the numbers go to the workers with the SAs.
struct AssociationGroups {
    private struct Peer: Hashable {
        var address: IPAddress
        var port: UInt16
        init(_ association: SecurityAssociation) {
            address = association.source
            port = association.udpEncapsulation?.remotePort ?? 0
        }
    }

    private struct Member {
        var group: Int32
        var peer: Peer
    }

    private struct Group {
        var remote: [AddressRange] = []
        var associations = 0
        /// Rises whenever one becomes idle, so that old entries of `idle` are known.
        var idleSince: UInt64 = 0
    }

    private var groups: [Group]
    private var members: [SPI: Member] = [:]
    private var byRemote: [[AddressRange]: Int32] = [:]
    private var byPeer: [Peer: (group: Int32, associations: Int)] = [:]
    private var free: [Int32]
    /// Groups without SAs, oldest first; what was used again since is passed over.
    private var idle: [(group: Int32, since: UInt64)] = []
    private var firstIdle = 0
    private var idleCount: UInt64 = 0
    /// Groups that were given up, and in which round.
    private var leaving: [(group: Int32, round: UInt64)] = []
    private var finder = AddressFinder()

    /// Groups that are given up before they are needed, because that takes rounds.
    private let reserve: Int
    /// Rounds of all workers after which none knows an SA that was removed before: one may have begun before the removal was
    /// published, one is that which takes it, one is behind.
    static let roundsToForget: UInt64 = 3

    init(capacity: Int) {
        groups = Array(repeating: Group(), count: capacity)
        reserve = min(1024, capacity / 8)
        free = (0..<Int32(capacity)).reversed()
    }

    enum Change: Equatable {
        /// Its owner is to be `retired` now.
        case retire(Int32)
        /// It is nobody's from now on.
        case reopen(Int32)
    }

    /// The group of an SA that is to be installed, in place of one of the same SPI; nil when none is free now. `isNew`: nobody
    /// knew it before.
    ///
    /// - Parameter round: how many rounds all workers have gone.
    mutating func enter(_ association: SecurityAssociation, round: UInt64) -> (
        group: Int32, isNew: Bool, changes: [Change]
    )? {
        leave(association.spi)
        var changes = reopen(round)
        let peer = Peer(association)
        let remote = association.selectors.remote
        var isNew = false
        let group: Int32
        if let known = byRemote[remote] ?? livingGroup(of: peer) {
            group = known
        } else if let fresh = free.popLast() {
            group = fresh
            isNew = true
            groups[Int(group)] = Group(remote: remote)
            byRemote[remote] = group
            finder.add(remote, group)
        } else {
            _ = giveUpIdle(round)
            return nil
        }
        groups[Int(group)].associations += 1
        members[association.spi] = Member(group: group, peer: peer)
        byPeer[peer] = (livingGroup(of: peer) ?? group, (byPeer[peer]?.associations ?? 0) + 1)
        if free.count < reserve { changes += giveUpIdle(round) }
        return (group, isNew, changes)
    }

    /// Where an SA of the peer is; not one that was given up since.
    private func livingGroup(of peer: Peer) -> Int32? {
        byPeer[peer].flatMap { groups[Int($0.group)].associations > 0 ? $0.group : nil }
    }

    /// The SA is removed everywhere, or will be: what says so has been published.
    mutating func leave(_ spi: SPI) {
        guard let member = members.removeValue(forKey: spi) else { return }
        if let entry = byPeer[member.peer] {
            byPeer[member.peer] = entry.associations == 1 ? nil : (entry.group, entry.associations - 1)
        }
        let at = Int(member.group)
        groups[at].associations -= 1
        guard groups[at].associations == 0 else { return }
        idleCount += 1
        groups[at].idleSince = idleCount
        idle.append((member.group, idleCount))
        // Each group has one entry that counts.
        if idle.count > 64 + 2 * groups.count {
            idle = idle[firstIdle...].filter { groups[Int($0.group)].idleSince == $0.since }
            firstIdle = 0
        }
    }

    /// The group whose SAs allow this remote address; nil when there is none. Of several that with the narrowest range.
    func group(of address: IPAddress) -> Int32? { finder.find(address) }

    /// Gives up the groups that are longest without SAs, as many as are short.
    private mutating func giveUpIdle(_ round: UInt64) -> [Change] {
        var changes: [Change] = []
        while free.count + leaving.count < reserve, firstIdle < idle.count {
            let (group, since) = idle[firstIdle]
            firstIdle += 1
            let old = groups[Int(group)]
            guard old.associations == 0, old.idleSince == since else { continue }
            if byRemote[old.remote] == group { byRemote[old.remote] = nil }
            finder.remove(old.remote, group)
            groups[Int(group)] = Group()
            leaving.append((group, round))
            changes.append(.retire(group))
        }
        // What is passed is dropped once it is half of all: each entry is moved once.
        if firstIdle > 64, firstIdle * 2 > idle.count {
            idle.removeFirst(firstIdle)
            firstIdle = 0
        }
        return changes
    }

    private mutating func reopen(_ round: UInt64) -> [Change] {
        var changes: [Change] = []
        while let first = leaving.first, round >= first.round + Self.roundsToForget {
            leaving.removeFirst()
            free.append(first.group)
            changes.append(.reopen(first.group))
        }
        return changes
    }
}

/// Address -> group, for what the targets report of connections: not of packets. Ranges that are prefixes are found by the
/// address with as many bits cleared, the others one after the other.
struct AddressFinder {
    private var prefixes: [AddressRange: Int32] = [:]
    /// Host bits that are set in the last address of a prefix, and how many prefixes have them.
    private var masks: [IPAddress: Int] = [:]
    private var others: [AddressRange: Int32] = [:]

    mutating func add(_ ranges: [AddressRange], _ group: Int32) {
        for range in ranges {
            if let mask = Self.mask(of: range) {
                guard prefixes[range] == nil else { continue }
                prefixes[range] = group
                masks[mask, default: 0] += 1
            } else if others[range] == nil {
                others[range] = group
            }
        }
    }

    mutating func remove(_ ranges: [AddressRange], _ group: Int32) {
        for range in ranges {
            if let mask = Self.mask(of: range) {
                guard prefixes[range] == group else { continue }
                prefixes[range] = nil
                masks[mask] = masks[mask] == 1 ? nil : (masks[mask] ?? 1) - 1
            } else if others[range] == group {
                others[range] = nil
            }
        }
    }

    func find(_ address: IPAddress) -> Int32? {
        for mask in masks.keys.sorted() {
            let first = IPAddress(high: address.high & ~mask.high, low: address.low & ~mask.low)
            let last = IPAddress(high: address.high | mask.high, low: address.low | mask.low)
            // An IPv6 prefix's mask reaches beyond an IPv4 address.
            guard first.isV4 == address.isV4, last.isV4 == address.isV4 else { continue }
            if let group = prefixes[AddressRange(first: first, last: last)] { return group }
        }
        return others.first { $0.key.contains(address) }?.value
    }

    private static func mask(of range: AddressRange) -> IPAddress? {
        let mask = IPAddress(high: range.first.high ^ range.last.high, low: range.first.low ^ range.last.low)
        // Ones at the end and nothing else: one more clears them all.
        let (low, carries) = mask.low.addingReportingOverflow(1)
        let high = carries ? mask.high &+ 1 : mask.high
        guard mask.low & low == 0, mask.high & high == 0, range.first.low & mask.low == 0,
            range.first.high & mask.high == 0
        else { return nil }
        return mask
    }
}

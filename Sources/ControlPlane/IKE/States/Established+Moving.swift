internal import Associations

extension Established {
    /// A new and verified message of the peer's came over this path: if the peer is behind a NAT and we are not, it is
    /// where the peer is now (RFC 7296 §2.23). With MOBIKE it says so itself (RFC 4555 §3.8).
    mutating func follow(_ path: Path) -> [Session.Action] {
        guard path != self.path, !mobility.isAgreed, nat.isBeforePeer, !nat.isBeforeUs else { return [] }
        return move(to: path) + relocations
    }

    mutating func move(to path: Path) -> [Session.Action] {
        self.path = path
        for index in associations.indices { associations[index].redirect(to: path) }
        return [.move(path)]
    }

    /// The Child SAs go where the IKE SA went.
    var relocations: [Session.Action] {
        let encapsulation =
            nat.isFound ? UDPEncapsulation(remotePort: path.remote.port, localPort: path.local.port) : nil
        return children.map { .relocate($0.spis, path, encapsulation) }
    }

    func natDetection(_ path: Path) -> [IKEPayload] {
        NATFinding.notifications(
            path: path, initiatorSPI: channel.initiatorSPI, responderSPI: channel.responderSPI)
    }

    /// Whether the peer still has to show that it is where it says to be.
    var isBeingChecked: Bool {
        if case .checkRoute = current.asked { return true }
        return tasks.contains { if case .checkRoute = $0.kind { true } else { false } }
    }

    /// What went unanswered over an IKE SA that is gone goes over the current one: nobody else tells the addresses.
    mutating func repeatMove(_ asked: Asked?) {
        switch asked {
        case .updateAddresses: enqueueFirst(.updateAddresses)
        case .checkRoute: enqueueFirst(.checkRoute)
        default: break
        }
    }

    /// Before all others; once.
    mutating func enqueueFirst(_ kind: SessionTask.Kind) {
        tasks.removeAll { task in
            switch (task.kind, kind) {
            case (.updateAddresses, .updateAddresses), (.checkRoute, .checkRoute), (.redirect, .redirect): true
            default: false
            }
        }
        tasks.insert(SessionTask(kind), at: 0)
    }
}

internal import Associations

/// The XCF link's events, and what the shadow publisher makes of them.
extension ControlLoop {
    mutating func receiveLink() throws(SystemError) {
        for event in link?.takeEvents() ?? [] {
            switch event {
            case .joined(let member, let connection):
                guard let holder = holder(named: member) else {
                    link?.close(connection)
                    continue
                }
                try forget(holder)
                connections[holder] = connection
                holders[connection] = holder
            case .message(let connection, let message):
                // Of a connection that another one of the member has replaced.
                guard let holder = holders[connection] else { continue }
                try receive(message, from: holder)
            case .left(let connection, let why):
                guard let holder = holders[connection] else { continue }
                // One that comes and goes says so once, until it has come to stay.
                if told.insert(holder).inserted { hooks.log("link: \(name(holder)) is gone: \(why)") }
                try forget(holder)
            case .turnedAway(let words): hooks.log("link: \(words)")
            }
        }
    }

    private mutating func forget(_ holder: HolderID) throws(SystemError) {
        guard let former = connections.removeValue(forKey: holder) else { return }
        holders[former] = nil
        // Its leases go on: without the link there are no new SAs, and traffic under those that are there flows.
        if incarnations.removeValue(forKey: holder) != nil {
            try perform(rotation.receive(.left, from: name(holder), at: clock.now))
            try perform(ledger.lost(holder))
        }
        try perform(publisher.disconnected(holder, at: clock.now))
    }

    private mutating func receive(_ message: MemberMessage, from holder: HolderID) throws(SystemError) {
        let now = clock.now
        switch message {
        case .hello(let hello):
            let leaseKey = SecretBytes(random.nonce(byteCount: 32))
            try perform(publisher.hello(hello, from: holder, leaseKey: leaseKey, at: now))
        case .report(let report):
            try perform(rotation.receive(.report(report), from: name(holder), at: now))
            try perform(publisher.receive(report, from: holder, at: now))
            if let incarnation = incarnations[holder] {
                try perform(ledger.report(holder, incarnation: incarnation, report.usage))
                try perform(sessions.reported(report.usage, by: holder, at: now, using: &random))
            }
            for event in report.connections {
                switch event.kind {
                case .closed: hooks.publish(.closed(event.connection, target: name(holder)))
                // What a target's TCP answered a router that verifies has seen itself.
                case .opened where event.connection.ipProtocol != 6 || settings.targetsVerify:
                    hooks.publish(.alive(event.connection, target: name(holder)))
                case .opened: break
                }
            }
            guard settings.targetsVerify else { return }
            if !report.verified.isEmpty { hooks.publish(.verified(report.verified)) }
            try perform(sessions.sighted(report.peers, at: now, using: &random))
        case .leaving(let why): try perform(rotation.receive(.leaving(why), from: name(holder), at: now))
        }
    }

    mutating func perform(_ actions: [ShadowPublisher.Action]) throws(SystemError) {
        for action in actions {
            switch action {
            case .send(let message, let holder):
                guard let connection = connections[holder], let link else { continue }
                guard !link.send(message, to: connection) else { continue }
                // It comes back for everything.
                counts["link.queueFull", default: 0] += 1
                link.close(connection)
                try forget(holder)
            case .disconnect(let holder):
                guard let connection = connections[holder] else { continue }
                link?.close(connection)
                try forget(holder)
            case .settled(let ticket, let missing):
                guard let id = tickets.removeValue(forKey: ticket) else { continue }
                for holder in missing {
                    hooks.log("link: \(name(holder)) has not taken the SAs of IKE \(id) in time; it goes on without")
                }
                try distributed(id, missing: missing)
            case .joined(let holder):
                told.remove(holder)
                hooks.log("link: \(name(holder)) holds the SAs")
                try perform(rotation.receive(.joined, from: name(holder), at: clock.now))
            case .left(let holder): hooks.log("link: no SA waits for \(name(holder))")
            case .refused(let holder, let key, let reason):
                counts["refusedByTarget", default: 0] += 1
                hooks.log("link: \(name(holder)) refuses \(key.direction) \(key.spi): \(reason)")
            case .protect(let holder, let key, let incarnation):
                hooks.protect(holder, key, publisher.epoch)
                incarnations[holder] = incarnation
                try perform(ledger.began(holder, incarnation: incarnation))
            case .superseded(let epoch):
                counts["superseded", default: 0] += 1
                hooks.withdraw("epoch \(epoch.rawValue) is known; ours is \(publisher.epoch.rawValue)")
            case .lacks(let holder, let transforms):
                hooks.publish(.lacks(target: name(holder), transforms))
                guard !transforms.isEmpty, settings.relay != nil else { continue }
                hooks.log("link: \(name(holder)) cannot do \(transforms.map(\.rawValue).sorted()); the relay does it")
                hooks.startRelay()
            case .lacksESN(let holder, let isLacking):
                hooks.publish(.lacksESN(target: name(holder), isLacking))
                guard isLacking, settings.relay != nil else { continue }
                hooks.log("link: \(name(holder)) cannot do extended sequence numbers; the relay does it")
                hooks.startRelay()
            case .notLetIn(let holder, let refusal):
                counts["link.refused", default: 0] += 1
                hooks.log("link: \(name(holder)) is not let in: \(refusal)")
            }
        }
    }

    mutating func perform(_ actions: [TargetRotation.Action]) throws(SystemError) {
        var hasNews = false
        for action in actions {
            switch action {
            case .standing(let target, let standing):
                hasNews = true
                hooks.publish(.standing(target: target, standing))
            case .probe(let target, let number): hooks.publish(.probe(target: target, number))
            case .log(let line): hooks.log(line)
            }
        }
        guard hasNews else { return }
        let serving = rotation.status(at: clock.now).enumerated().filter { $0.element.standing.state == .serving }
        try perform(
            sessions.targetsInService(
                Set(serving.map { HolderID(place: $0.offset) }), at: clock.now, using: &random))
    }

    var report: RouterControlReport {
        var report = RouterControlReport()
        report.ike.sessions = sessions.status
        report.ike.counts = sessions.counts.merging(counts) { $0 + $1 }
        report.ike.halfOpen = sessions.halfOpenCount
        report.epoch = publisher.epoch
        report.coupling = hooks.coupling?.report
        report.couplingTrouble = couplingState.trouble
        report.link = link?.counts ?? [:]
        report.shadows = publisher.states().map { key, states in
            RouterControlReport.Shadow(
                key: key,
                states: Dictionary(uniqueKeysWithValues: states.map { (name($0.key), $0.value.description) }))
        }
        for (place, health) in rotation.status(at: clock.now).enumerated() {
            let holder = HolderID(place: place)
            guard let lag = publisher.lag(of: holder) else { continue }
            report.targets.append(
                RouterControlReport.Target(
                    health: health, isInService: lag.isInService, waiting: lag.entries,
                    exceptions: publisher.exceptions(at: holder)))
        }
        return report
    }
}

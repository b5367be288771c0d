internal import Associations

/// What waits for the window, when there is room in it (RFC 7296 §2.3).
extension Session {
    /// After whatever may have made room, or brought something to do.
    mutating func proceed(at now: UInt64, using random: inout some IKERandomness) -> [Action] {
        guard case .established(var established) = state else { return [] }
        drawLifetimes(&established, at: now, using: &random)
        var actions = keepAlive(&established, at: now)
        for index in established.associations.indices
        where established.associations[index].phase == .leaving && !established.associations[index].isBusy {
            actions += established.associations[index].ask(
                .close, [.delete(.ikeSA)], .informational, path: established.path, timing: policy.timing, at: now)
        }
        if !established.current.isBusy {
            switch established.closing {
            case .no: actions += next(&established, at: now, using: &random)
            case .wished: actions += askToClose(&established, at: now)
            case .asked: break
            }
        }
        state = .established(established)
        return actions
    }

    /// The first task whose time has come and that still has something to be about.
    private func next(
        _ established: inout Established, at now: UInt64, using random: inout some IKERandomness
    ) -> [Action] {
        while let index = established.tasks.firstIndex(where: {
            $0.notBefore <= now && !established.isHeld($0)
        }) {
            let task = established.tasks.remove(at: index)
            switch task.kind {
            case .probe: return ask(&established, .probe, probing(established), .informational, at: now)
            case .discard(let spi):
                return ask(&established, .discard(spi), [.delete(.esp([spi]))], .informational, at: now)
            case .deleteChild(let spi):
                guard established.child(inbound: spi) != nil else { continue }
                // The one that it takes the place of, if that is still there, has nothing left to wait for.
                let spis = established.children.filter { $0.spis.inbound == spi || $0.replacement == spi }
                    .map(\.spis.inbound)
                return ask(&established, .deleteChildren(spis), [.delete(.esp(spis))], .informational, at: now)
            case .deleteReplaced(let spi):
                guard established.child(inbound: spi) != nil else { continue }
                return ask(&established, .deleteChildren([spi]), [.delete(.esp([spi]))], .informational, at: now)
            case .rekeyChild(let spi):
                guard let child = established.child(inbound: spi), child.replacement == nil else { continue }
                return askChild(
                    &established, ChildWish(replacing: spi, selectors: child.selectors), at: now, using: &random)
            case .createChild(let wish): return askChild(&established, wish, at: now, using: &random)
            case .redirect(let gateway): return askToGo(&established, to: gateway, at: now)
            case .updateAddresses: return askToUpdate(&established, at: now)
            case .checkRoute: return askForRoute(&established, at: now, using: &random)
            case .rekeyIKE: return askSuccessor(&established, SuccessorWish(), at: now, using: &random)
            }
        }
        return []
    }

    /// A request of ours through the current IKE SA. Traps when one is under way.
    func ask(
        _ established: inout Established, _ asked: Asked, _ payloads: [IKEPayload], _ exchange: ExchangeType,
        at now: UInt64
    ) -> [Action] {
        established.current.ask(
            asked, payloads, exchange, path: established.path, timing: policy.timing, at: now)
    }

    /// Not before the peer has confirmed what became of a rekey: it could take the end of the session for that of a
    /// redundant IKE SA (RFC 7296 §2.8.2).
    func askToClose(_ established: inout Established, at now: UInt64) -> [Action] {
        guard !established.associations.contains(where: { $0.phase == .leaving }) else { return [] }
        established.closing = .asked
        established.tasks = []
        return ask(&established, .close, [.delete(.ikeSA)], .informational, at: now)
    }

    /// Asks again later, somewhat at random, so that two ends that put each other off do not go on doing so.
    func postpone(
        _ established: inout Established, _ task: SessionTask.Kind, at now: UInt64,
        using random: inout some IKERandomness
    ) {
        let half = policy.timing.retry / 2
        established.enqueue(SessionTask(task, notBefore: now + half + random.next() % (half + 1)))
    }
}

internal import Associations

/// The entries for one target, from the first that it has not acknowledged. The link brings them in order or breaks, and
/// after a break the stream begins anew.
struct ShadowStream: Sendable {
    /// Sent and not acknowledged.
    static let window: UInt64 = 16_384
    /// In one message.
    static let messageLimit = 512
    /// Entries that may wait; a target that is so far behind is cut off and comes back for everything.
    static let backlog = 524_288

    /// The process at the other end; nil while there is no connection.
    private(set) var incarnation: UInt64?
    private(set) var transforms: Set<String> = []
    /// Of those that there are; none before the first connection.
    private(set) var lacking: Set<Associations.Transform> = []
    /// Extended sequence numbers; false before the first connection.
    private(set) var isLackingESN = false
    /// Every entry up to this one is done.
    private(set) var applied: UInt64 = 0
    /// The number of the last one.
    private(set) var last: UInt64 = 0
    private var sent: UInt64 = 0
    /// Those from `applied + 1` to `last`.
    private var waiting: ArraySlice<ShadowEntry> = []
    /// The number of the latest entry about an SA.
    private var numbers: [ShadowEntry.Key: UInt64] = [:]
    private(set) var refusals: [ShadowEntry.Key: ShadowRefusal] = [:]
    var heardAt: UInt64 = 0
    /// It has done all that there was when it came.
    private(set) var isInService = false
    /// What was to be said when the first of it was sent.
    private var servesFrom: UInt64?

    /// Whether it may be asked to hold an SA.
    func can(_ association: SecurityAssociation) -> Bool {
        transforms.contains(association.transform.rawValue) && !(association.hasESN && isLackingESN)
    }

    var canAll: Bool { lacking.isEmpty && !isLackingESN }

    /// False when too many wait: the connection is to be ended.
    mutating func append(_ entry: ShadowEntry) -> Bool {
        guard incarnation != nil else { return true }
        guard waiting.count < Self.backlog else { return false }
        waiting.append(entry)
        last += 1
        if let key = entry.key {
            switch entry {
            case .remove: numbers[key] = nil
            case .install, .relay: (numbers[key], refusals[key]) = (last, nil)
            default: break
            }
            if case .remove = entry { refusals[key] = nil }
        }
        return true
    }

    /// A connection has come: everything anew. What is to be there follows, up to `complete`.
    mutating func begin(_ hello: MemberMessage.Hello, at now: UInt64) {
        incarnation = hello.incarnation
        transforms = Set(hello.transforms)
        lacking = Set(Associations.Transform.allCases.filter { !transforms.contains($0.rawValue) })
        isLackingESN = !transforms.contains(MemberMessage.Hello.esnWord)
        (applied, last, sent, heardAt, isInService) = (0, 0, 0, now, false)
        waiting = []
        numbers = [:]
        refusals = [:]
        _ = append(.begin)
        servesFrom = nil
    }

    mutating func end() {
        incarnation = nil
        waiting = []
        (applied, last, sent, isInService) = (0, 0, 0, false)
        numbers = [:]
        refusals = [:]
    }

    /// - Returns: whether it has come into service with this.
    mutating func acknowledge(_ number: UInt64) -> Bool {
        guard number > applied, number <= sent else { return false }
        waiting = waiting.dropFirst(Int(number - applied))
        applied = number
        guard !isInService, let servesFrom, applied >= servesFrom else { return false }
        isInService = true
        return true
    }

    mutating func refuse(_ key: ShadowEntry.Key, _ reason: ShadowRefusal) {
        guard numbers[key] != nil else { return }
        refusals[key] = reason
    }

    /// What was not sent yet, as far as the window allows.
    mutating func take() -> [RouterMessage] {
        guard incarnation != nil else { return [] }
        var messages: [RouterMessage] = []
        if servesFrom == nil { servesFrom = last }
        let end = min(last, applied + Self.window)
        while sent < end {
            var count = min(Int(end - sent), Self.messageLimit)
            let start = waiting.startIndex + Int(sent - applied)
            // An SA and what it is granted are done together: there must be no moment at which it has no end.
            while start + count < waiting.endIndex, case .allow = waiting[start + count] { count += 1 }
            messages.append(.entries(first: sent + 1, Array(waiting[start..<start + count])))
            sent += UInt64(count)
        }
        return messages
    }

    func state(of key: ShadowEntry.Key) -> ShadowState {
        if let reason = refusals[key] { return .refused(reason) }
        guard let number = numbers[key] else { return .notDistributed }
        return number <= applied ? .distributed : .notDistributed
    }

    func holds(_ key: ShadowEntry.Key) -> Bool { numbers[key] != nil }
}

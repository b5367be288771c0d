internal import Associations
internal import Wire

extension IKEReading {
    mutating func connection(_ entry: Entry) throws(ConfigurationFailure) -> IKEConnection {
        let title = try title(entry)
        let section = try Section(entry, form: .connection, title: title)
        let name = try newName(section)
        let isInitiator: Bool = try section["start"]?.word(["initiate": true, "respond": false]) ?? false
        let local = try section["local"].map { entry throws(ConfigurationFailure) in try self.local(entry) }
        let remote = try remote(section, isInitiator: isInitiator)
        let localID = try section.required("localID").identity()
        let remoteID = try section["remoteID"]?.identity(orWildcard: true)
        let peers = Peers(local: local, remote: remote, localID: localID.lowercased(), remoteID: remoteID?.lowercased())
        if let other = nameOfPeers.updateValue(name, forKey: peers) {
            throw section.failure(
                "\(title) is for the same peers as \(quoted(other)): local, remote, localID and remoteID are the same",
                remedy: "Make one of the two, or write another remote or remoteID.")
        }
        let (credential, requirement) = try authentication(section, title: title)
        return IKEConnection(
            name: name, local: local, remote: remote, isInitiator: isInitiator,
            proposals: try section["proposals"]?.proposals() ?? [],
            localID: localID, remoteID: remoteID, credential: credential, requirement: requirement,
            ppk: try section["ppk"].map { entry throws(ConfigurationFailure) in
                try postquantumKey(entry, title: title)
            },
            fragmentSize: try fragmentSize(section),
            isMobile: try section["mobike"]?.word(["true": true, "false": false]) ?? true,
            deadPeerSeconds: try section["deadPeerSeconds"]?.seconds() ?? 30,
            rekeySeconds: try section["rekeySeconds"]?.seconds() ?? 14400,
            reauthenticateSeconds: try section["reauthenticateSeconds"]?.seconds() ?? 0,
            child: try child(section.required("child"), title: title, local: local, remote: remote),
            place: entry.place)
    }

    /// The name comes first, wherever it stands: messages about the rest call the connection by it.
    private func title(_ entry: Entry) throws(ConfigurationFailure) -> String {
        let name = try entry.keyedValues(wanted: Form.connection.keyList).first { $0.name == "name" }
        return try name?.scalar().map { "connection \(quoted($0))" } ?? "a connection"
    }

    private mutating func newName(_ section: Section) throws(ConfigurationFailure) -> String {
        let entry = try section.required("name")
        let name = try entry.text(limit: 64)
        if let line = lineOfName.updateValue(entry.place.line, forKey: name) {
            throw entry.failure(
                "the connection in line \(line) is called \(quoted(name)) already",
                remedy: "Give each a name of its own.")
        }
        return name
    }

    private func local(_ entry: Entry) throws(ConfigurationFailure) -> IPAddress {
        let address = try entry.address()
        guard listen.contains(address) else {
            throw entry.failure(
                "local is \(address), where ike does not listen",
                remedy: "Write one of \(listed(listen.map(\.description))), or add it to listen.")
        }
        return address
    }

    private func remote(
        _ section: Section, isInitiator: Bool
    ) throws(ConfigurationFailure) -> AddressRange? {
        guard let entry = section["remote"] else {
            guard !isInitiator else {
                throw section.failure(
                    "\(section.title) has start: initiate, but no remote",
                    remedy: "Add \(quoted("remote: \(section.form.example(of: "remote"))")) to it.")
            }
            return nil
        }
        let range = try entry.addressRange()
        guard range.first == range.last else {
            guard !isInitiator else {
                throw entry.failure(
                    "remote is \(range), but start: initiate needs one address",
                    remedy: "Write the peer's address, or start: respond.")
            }
            return range
        }
        let address = range.first
        try entry.requireHost(address)
        guard !ours.contains(address) else {
            throw entry.failure(
                "remote is \(address), an address of the cluster", remedy: "Write the peer's address.")
        }
        return range
    }

    private func fragmentSize(_ section: Section) throws(ConfigurationFailure) -> Int? {
        guard let entry = section["fragmentSize"] else { return 1280 }
        let allowed = "576 to 65535, or 0 for no fragments,"
        let size = try entry.integer(in: 0...65535, rangeText: allowed)
        guard size == 0 || size >= 576 else { throw entry.failure("fragmentSize is \(size); \(allowed) is allowed") }
        return size == 0 ? nil : size
    }
}

extension Entry {
    /// 0 for never; at most a year.
    func seconds() throws(ConfigurationFailure) -> Int { try integer(in: 0...31_536_000) }

    /// As many as a message holds.
    private static let proposalsLimit = 32

    /// In operators' words; what they mean is for the program to say.
    func proposals() throws(ConfigurationFailure) -> [String] {
        let names = try distinctList { entry throws(ConfigurationFailure) in
            guard let text = try entry.scalar(), (1...256).contains(text.utf8.count),
                text.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "-_".contains($0)) })
            else { throw entry.failure(wanted: "algorithms joined by hyphens") }
            return text
        }
        guard names.count <= Self.proposalsLimit else {
            throw failure(
                "proposals holds \(names.count); \(Self.proposalsLimit) is the most",
                remedy: "Put alternatives into one: aes128gcm16-aes256gcm16-prfsha256-x25519.")
        }
        return names
    }
}

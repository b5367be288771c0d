internal import Associations
internal import Wire

extension IKEReading {
    mutating func connection(_ entry: Entry) throws(ConfigurationFailure) -> IKEConnection {
        let unnamed = try Section(entry, form: .connection, title: "a connection")
        let name = try newName(unnamed)
        let title = "connection \(quoted(name))"
        let section = try Section(entry, form: .connection, title: title)
        let local = try section["local"].map { entry throws(ConfigurationFailure) in try self.local(entry) }
        let remote = try section["remote"]?.addressRange()
        let isInitiator: Bool = try section["start"]?.word(["initiate": true, "respond": false]) ?? false
        let (credential, requirement) = try authentication(section, title: title)
        let fragmentSize = try section["fragmentSize"]?.integer(in: 0...65535) ?? 1280
        return IKEConnection(
            name: name, local: local, remote: remote, isInitiator: isInitiator,
            proposals: try section["proposals"]?.proposals() ?? [],
            localID: try section.required("localID").text(),
            remoteID: try section["remoteID"]?.text(),
            credential: credential, requirement: requirement,
            ppk: try section["ppk"].map { entry throws(ConfigurationFailure) in try postquantumKey(entry, title: title)
            },
            fragmentSize: fragmentSize == 0 ? nil : fragmentSize,
            isMobile: try section["mobike"]?.word(["true": true, "false": false]) ?? true,
            deadPeerSeconds: try section["deadPeerSeconds"]?.seconds() ?? 30,
            rekeySeconds: try section["rekeySeconds"]?.seconds() ?? 14400,
            reauthenticateSeconds: try section["reauthenticateSeconds"]?.seconds() ?? 0,
            child: try child(section.required("child"), title: title),
            place: entry.place)
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
}

extension Entry {
    /// 0 for never; at most a year.
    func seconds() throws(ConfigurationFailure) -> Int { try integer(in: 0...31_536_000) }

    /// In operators' words; what they mean is for the program to say.
    func proposals() throws(ConfigurationFailure) -> [String] {
        try distinctList { entry throws(ConfigurationFailure) in try entry.text(limit: 256) }
    }
}

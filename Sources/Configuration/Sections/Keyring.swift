internal import Associations
internal import Wire

/// The SAs read so far, and what no two of them may share.
struct Keyring {
    private(set) var associations: [ConfiguredAssociation] = []
    private let members: Members
    private let gateways: Set<IPAddress>
    private let dvipas: Set<IPAddress>
    private var lineOfName: [String: Int] = [:]
    private var nameOfSPI: [Direction: [SPI: String]] = [:]
    /// By key and salt in one, or the authentication key where nothing is encrypted. They live as long as the text they were read from.
    private var nameOfSecret: [[UInt8]: String] = [:]

    init(members: Members, gateways: [IPAddress], dvipas: [IPAddress]) {
        self.members = members
        self.gateways = Set(gateways)
        self.dvipas = Set(dvipas)
    }

    mutating func read(_ entry: Entry) throws(ConfigurationFailure) {
        let section = try Section(entry, form: .securityAssociation, title: "a security association")
        let name = try newName(section)
        let (spi, direction) = try newSPI(section, name: name)
        let mode = try section.required("mode").mode()
        let (source, destination) = try outerAddresses(section, direction: direction, mode: mode)
        let secrets = try newSecrets(section, name: name)
        let replayWindow = try section["replayWindow"]?.integer(in: SecurityAssociation.replayWindowRange) ?? 64
        let hasESN: Bool = try section["extendedSequenceNumbers"]?.word(["true": true, "false": false]) ?? false
        let endpoint = try section["endpoint"].map { entry throws(ConfigurationFailure) in
            try members.endpoint(entry)
        }
        let encapsulation = try section["udpEncapsulation"].map { entry throws(ConfigurationFailure) in
            try entry.udpEncapsulation(hasEndpoint: endpoint != nil)
        }
        let selectorsEntry = try section.required("selectors")
        let selectors = try selectorsEntry.trafficSelectors()
        try selectorsEntry.requireOneFamily(of: selectors)
        if mode == .transport {
            let inbound = direction == .inbound
            try selectorsEntry.requireOuterAddresses(
                of: selectors, dvipa: inbound ? destination : source, peer: inbound ? source : destination)
        }
        var association = SecurityAssociation(
            name: name, spi: spi, direction: direction, mode: mode, source: source, destination: destination,
            transform: secrets.transform, key: SecretBytes(secrets.key), salt: SecretBytes(secrets.salt),
            selectors: selectors, replayWindow: replayWindow, udpEncapsulation: encapsulation,
            authenticationKey: SecretBytes(secrets.authenticationKey))
        association.hasESN = hasESN
        associations.append(
            ConfiguredAssociation(association: association, endpoint: endpoint, place: entry.place))
    }

    private mutating func newName(_ section: Section) throws(ConfigurationFailure) -> String {
        let entry = try section.required("name")
        let name = try entry.text(limit: 64)
        if let line = lineOfName.updateValue(entry.place.line, forKey: name) {
            throw entry.failure(
                "the security association in line \(line) is called \(quoted(name)) already",
                remedy: "Give each a name of its own.")
        }
        return name
    }

    private mutating func newSPI(_ section: Section, name: String) throws(ConfigurationFailure) -> (SPI, Direction) {
        let entry = try section.required("spi")
        let number = try entry.integer(in: 256...0xFFFF_FFFF, hexadecimal: true, rangeText: "256 to 0xffffffff")
        let direction: Direction = try section.required("direction").word(["inbound": .inbound, "outbound": .outbound])
        let spi = SPI(rawValue: UInt32(number))
        if let other = nameOfSPI[direction, default: [:]].updateValue(name, forKey: spi) {
            throw entry.failure(
                "spi \(spi) is that of \(quoted(other)), which is \(direction) too",
                remedy: "Write another number; an SPI is used once a direction.")
        }
        return (spi, direction)
    }

    private func outerAddresses(
        _ section: Section, direction: Direction, mode: Mode
    ) throws(ConfigurationFailure) -> (source: IPAddress, destination: IPAddress) {
        let sourceEntry = try section.required("source")
        let destinationEntry = try section.required("destination")
        let (source, destination) = (try sourceEntry.address(), try destinationEntry.address())
        if source == destination {
            throw destinationEntry.failure(
                "source and destination are both \(source)",
                remedy: "Write the peer's address in one, the cluster's in the other.")
        }
        guard source.isV4 == destination.isV4 else {
            throw destinationEntry.failure(
                "source is \(source), destination \(destination)",
                remedy: "Write two addresses of one family; what is inside may be of the other.")
        }
        let (ours, entry) = direction == .inbound ? (destination, destinationEntry) : (source, sourceEntry)
        guard dvipas.contains(ours) || mode == .tunnel && gateways.contains(ours) else {
            let problem = "\(entry.name) of an \(direction) SA in \(mode) mode is \(ours), which is "
            throw mode == .tunnel
                ? entry.failure(
                    problem + "neither a gateway nor a DVIPA", remedy: "Write one of those, or add it to gateways.")
                : entry.failure(problem + "not a DVIPA", remedy: "Write a DVIPA, or add it to dvipas.")
        }
        return (source, destination)
    }

    private mutating func newSecrets(_ section: Section, name: String) throws(ConfigurationFailure) -> SecretsOfSA {
        let secrets = try SecretsOfSA(section)
        let (identity, entry, words) = try secrets.identity(section)
        if let other = nameOfSecret.updateValue(name, forKey: identity) {
            throw entry.failure("\(words) those of \(quoted(other))", remedy: secrets.advice)
        }
        return secrets
    }
}

extension Entry {
    /// RFC 4301 §3.2. BEET, which some know besides, is refused by its name.
    func mode() throws(ConfigurationFailure) -> Mode {
        if try scalar() == "beet" {
            throw failure(
                "mode is beet, which is not supported; tunnel or transport is wanted", remedy: "Write mode: tunnel.")
        }
        return try word(["tunnel": .tunnel, "transport": .transport])
    }

    /// ESP in UDP (RFC 3948). Only the peer's port is free: ours is the one that everybody listens on.
    fileprivate func udpEncapsulation(hasEndpoint: Bool) throws(ConfigurationFailure) -> UDPEncapsulation {
        let section = try Section(self, form: .udpEncapsulation, title: "udpEncapsulation")
        if hasEndpoint {
            throw failure(
                "an endpoint of ours does not do ESP in UDP yet",
                remedy: "Remove udpEncapsulation, or endpoint if the peer is another program.")
        }
        let remotePort = try section.required("remotePort").integer(in: 1...65535)
        let localPort = try section["localPort"]?.integer(in: 4500...4500) ?? 4500
        return UDPEncapsulation(remotePort: UInt16(remotePort), localPort: UInt16(localPort))
    }
}

internal import Wire

/// The section `coupling`, or what is meant without it.
struct CouplingReading {
    static let fileName = "coupling.sqlite"

    let stateDirectory: String?
    let members: Members

    func settings(
        _ entry: Entry?, _ secrets: inout Secrets
    ) throws(ConfigurationFailure) -> CouplingSettings? {
        guard let entry else {
            return stateDirectory.map { CouplingSettings(kind: .embedded(path: $0 + "/" + Self.fileName)) }
        }
        // The kind comes first, wherever it stands: it says which other keys there are.
        guard
            let kind = try entry.keyedValues(wanted: "kind and what belongs to it").first(where: { $0.name == "kind" })
        else { throw entry.failure("coupling has no kind", remedy: "Add kind: embedded or kind: etcd.") }
        let isEtcd: Bool = try Entry(
            kind.value, name: "kind", example: "embedded", document: entry.document, keyPlace: kind.keyPlace
        ).word(["embedded": false, "etcd": true])
        return isEtcd ? try etcd(entry, &secrets) : try embedded(entry)
    }

    private func embedded(_ entry: Entry) throws(ConfigurationFailure) -> CouplingSettings {
        let section = try Section(entry, form: .embeddedCoupling, title: "coupling of kind embedded")
        guard let stateDirectory else {
            throw entry.failure(
                "coupling of kind embedded keeps its file in the stateDirectory, and there is none",
                remedy: "Add \"stateDirectory: /var/lib/viaduct\" to the file.")
        }
        var router: String?
        if let entry = section["at"] { router = try members.router(entry) }
        return CouplingSettings(
            kind: .embedded(path: stateDirectory + "/" + Self.fileName, at: router),
            leaseSeconds: try leaseSeconds(section))
    }

    private func etcd(_ entry: Entry, _ secrets: inout Secrets) throws(ConfigurationFailure) -> CouplingSettings {
        let section = try Section(entry, form: .etcdCoupling, title: "coupling of kind etcd")
        let list = try section.required("endpoints")
        let endpoints = try list.distinctList { entry throws(ConfigurationFailure) in try entry.endpoint() }
        guard let first = endpoints.first, endpoints.allSatisfy({ $0.isTLS == first.isTLS }) else {
            throw list.failure("endpoints are partly http, partly https", remedy: "Write https for all.")
        }
        let authority = try section["authority"]?.absolutePath()
        let certificate = try section["certificate"]?.absolutePath()
        var privateKey: String?
        if let key = section["privateKey"] { privateKey = try secrets.privateKeyPath(key) }
        if !first.isTLS, let useless = section["authority"] ?? section["certificate"] ?? section["privateKey"] {
            throw useless.failure(
                "\(useless.name) is for https, and the endpoints are http", remedy: "Write https://… in endpoints.")
        }
        if (certificate == nil) != (privateKey == nil) {
            let (there, missing) = certificate == nil ? ("privateKey", "certificate") : ("certificate", "privateKey")
            throw section.failure(
                "coupling has a \(there) and no \(missing)",
                remedy: "Add \(missing): \(Form.etcdCoupling.example(of: missing)).")
        }
        if !first.isTLS, let open = endpoints.first(where: { !$0.isLoopback }) {
            secrets.warn(
                "\(entry.document.file):\(list.place.line): etcd at \(open.host) is reached without TLS: whoever is on the "
                    + "way can say who owns the DVIPAs. Write https://… and an authority.")
        }
        return CouplingSettings(
            kind: .etcd(
                EtcdSettings(
                    endpoints: endpoints, authority: authority, certificate: certificate, privateKey: privateKey)),
            leaseSeconds: try leaseSeconds(section))
    }

    private func leaseSeconds(_ section: Section) throws(ConfigurationFailure) -> Int {
        try section["leaseSeconds"]?.integer(in: 2...60) ?? 5
    }
}

extension Entry {
    /// Part of every key in a coupling facility.
    func clusterName() throws(ConfigurationFailure) -> String {
        let text = try text()
        guard Node.isName(text) else {
            throw failure(
                "\(quoted(text)) is not a name for a cluster",
                remedy: "Write 1 to 63 letters, digits, points, hyphens or underscores.")
        }
        return text
    }

    /// `https://host:port`, and nothing behind it.
    fileprivate func endpoint() throws(ConfigurationFailure) -> EtcdSettings.Endpoint {
        let wanted = "an address such as https://10.0.0.1:2379"
        guard let text = try scalar(), let end = text.firstRange(of: "://") else { throw failure(wanted: wanted) }
        let scheme = text[..<end.lowerBound]
        let rest = text[end.upperBound...]
        guard scheme == "https" || scheme == "http", let colon = rest.lastIndex(of: ":") else {
            throw failure(wanted: wanted)
        }
        var host = rest[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        let digits = rest[rest.index(after: colon)...]
        let isHost =
            IPAddress(String(host)) != nil
            || !host.isEmpty && host.count <= 253
                && host.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "-") }
        guard isHost, !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }), let port = UInt16(digits),
            port > 0
        else { throw failure(wanted: wanted) }
        return EtcdSettings.Endpoint(isTLS: scheme == "https", host: String(host), port: port)
    }
}

extension EtcdSettings.Endpoint {
    fileprivate var isLoopback: Bool { host == "localhost" || host == "::1" || host.hasPrefix("127.") }
}

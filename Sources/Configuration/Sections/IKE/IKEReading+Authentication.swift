internal import Associations

extension IKEReading {
    /// What we prove ourselves with, and what the peer must.
    mutating func authentication(
        _ section: Section, title: String
    ) throws(ConfigurationFailure) -> (IKECredential, IKERequirement) {
        let sharedKey = try sharedKey(section, title: title)
        let certificate = try certificate(section, title: title)
        guard let credential = certificate ?? sharedKey.map({ .presharedKey($0) }) else {
            throw section.failure(
                "\(title) has neither presharedKey nor certificate",
                remedy: "Add presharedKeyFile: /etc/viaduct/branch.psk, or certificate, privateKey and authorities.")
        }
        var wantsCertificate = certificate != nil
        if let entry = section["remoteAuthentication"] {
            wantsCertificate = try entry.word(["presharedKey": false, "certificate": true])
        }
        if wantsCertificate {
            if certificate != nil, sharedKey != nil {
                throw section.failure(
                    "\(title) has a presharedKey, which neither end would use",
                    remedy: "Remove it, or write remoteAuthentication: presharedKey.")
            }
            return (credential, try certificateRequirement(section, title: title))
        }
        guard let sharedKey else {
            throw section.failure(
                "\(title) has remoteAuthentication: presharedKey, but no presharedKey",
                remedy: "Add presharedKeyFile: /etc/viaduct/branch.psk, or write remoteAuthentication: certificate.")
        }
        for key in ["authorities", "revocationLists", "revocation"] {
            guard let entry = section[key] else { continue }
            throw entry.failure(
                "\(key) is there, but the peer authenticates with a shared key",
                remedy: "Write remoteAuthentication: certificate, or remove \(key).")
        }
        return (credential, .presharedKey(sharedKey))
    }

    private mutating func certificate(
        _ section: Section, title: String
    ) throws(ConfigurationFailure) -> IKECredential? {
        guard let chain = section["certificate"] else {
            if let key = section["privateKey"] {
                throw key.failure(
                    "privateKey is there, but no certificate",
                    remedy: "Add certificate: \(section.form.example(of: "certificate")), or remove privateKey.")
            }
            return nil
        }
        return .certificate(
            chainFile: try chain.absolutePath(),
            keyFile: try secrets.privateKeyPath(section.required("privateKey")))
    }

    private func certificateRequirement(
        _ section: Section, title: String
    ) throws(ConfigurationFailure) -> IKERequirement {
        let authorities = try section.required("authorities").absolutePaths()
        let lists = try section["revocationLists"]?.absolutePaths() ?? []
        let use: RevocationUse =
            try section["revocation"]?.word(["require": .require, "use": .use, "ignore": .ignore]) ?? .use
        if use == .require, lists.isEmpty {
            throw try section.required("revocation").failure(
                "revocation is require, but there are no revocationLists: no peer could authenticate",
                remedy: "Add revocationLists: \(section.form.example(of: "revocationLists")), or write revocation: use."
            )
        }
        return .certificate(authorityFiles: authorities, revocationFiles: lists, revocation: use)
    }

    private mutating func sharedKey(
        _ section: Section, title: String
    ) throws(ConfigurationFailure) -> SecretBytes? {
        // 128 bits: RFC 7296 §2.15 wants as much randomness as the strongest key that is negotiated, and has at least.
        let wantedByteCount = 16
        guard let file = section["presharedKeyFile"] else {
            return try section["presharedKey"].map { entry throws(ConfigurationFailure) in
                try secrets.secret(entry, of: title, wantedByteCount: wantedByteCount)
            }
        }
        if section["presharedKey"] != nil {
            throw file.failure(
                "presharedKey and presharedKeyFile are both there", remedy: "Remove one of the two.")
        }
        return try secrets.secretFile(file, of: title, wantedByteCount: wantedByteCount)
    }

    mutating func postquantumKey(
        _ entry: Entry, title: String
    ) throws(ConfigurationFailure) -> IKEPostquantumKey {
        let title = "ppk of \(title)"
        let section = try Section(entry, form: .ppk, title: title)
        return IKEPostquantumKey(
            id: try section.required("id").text(),
            // 256 bits of entropy, which leave 128 to a quantum computer (RFC 8784).
            secret: try secrets.secret(section.required("secret"), of: title, wantedByteCount: 32),
            isRequired: try section["required"]?.word(["true": true, "false": false]) ?? false)
    }
}

extension Entry {
    private static let pathsLimit = 64

    fileprivate func absolutePaths() throws(ConfigurationFailure) -> [String] {
        let paths = try distinctList { entry throws(ConfigurationFailure) in try entry.absolutePath() }
        guard paths.count <= Self.pathsLimit else {
            throw failure(
                "\(name) holds \(paths.count) files; \(Self.pathsLimit) is the most",
                remedy: "Put several into one PEM file.")
        }
        return paths
    }
}

internal import Associations

extension IKEReading {
    /// RFC 7296 §2.15: a shared key wants 128 bits; RFC 8784 §4: a postquantum one 256.
    private static var presharedKeyByteCount: Int { 16 }
    private static var postquantumKeyByteCount: Int { 32 }

    /// What we prove ourselves with, and what the peer must.
    mutating func authentication(
        _ section: Section, title: String
    ) throws(ConfigurationFailure) -> (IKECredential, IKERequirement) {
        let sharedKey = try sharedKey(section, title: title)
        let credential: IKECredential
        if let certificate = section["certificate"] {
            credential = .certificate(
                chainFile: try certificate.absolutePath(), keyFile: try section.required("privateKey").absolutePath())
        } else if let sharedKey {
            credential = .presharedKey(sharedKey)
        } else {
            throw try section.required("presharedKey").failure("")
        }
        var wantsCertificate = section["certificate"] != nil
        if let entry = section["remoteAuthentication"] {
            wantsCertificate = try entry.word(["presharedKey": false, "certificate": true])
        }
        guard wantsCertificate else {
            guard let sharedKey else { throw try section.required("presharedKey").failure("") }
            return (credential, .presharedKey(sharedKey))
        }
        let lists = try section["revocationLists"].map { entry throws(ConfigurationFailure) in
            try entry.distinctList { entry throws(ConfigurationFailure) in try entry.absolutePath() }
        }
        return (
            credential,
            .certificate(
                authorityFiles: try section.required("authorities").distinctList {
                    entry throws(ConfigurationFailure) in try entry.absolutePath()
                },
                revocationFiles: lists ?? [],
                revocation: try section["revocation"]?.word([
                    "require": .require, "use": .use, "ignore": .ignore,
                ]) ?? .use)
        )
    }

    private mutating func sharedKey(
        _ section: Section, title: String
    ) throws(ConfigurationFailure) -> SecretBytes? {
        if let entry = section["presharedKey"] {
            return try secrets.secret(entry, of: title, wantedByteCount: Self.presharedKeyByteCount)
        }
        if let entry = section["presharedKeyFile"] {
            return try secrets.secretFile(entry, of: title, wantedByteCount: Self.presharedKeyByteCount)
        }
        return nil
    }

    mutating func postquantumKey(
        _ entry: Entry, title: String
    ) throws(ConfigurationFailure) -> IKEPostquantumKey {
        let section = try Section(entry, form: .ppk, title: "ppk of \(title)")
        return IKEPostquantumKey(
            id: try section.required("id").text(),
            secret: try secrets.secret(
                section.required("secret"), of: title, wantedByteCount: Self.postquantumKeyByteCount),
            isRequired: try section["required"]?.word(["true": true, "false": false]) ?? false)
    }
}

internal import Associations

/// A security association's transform and keys, as its section has them.
struct SecretsOfSA {
    let transform: Transform
    let key: [UInt8]
    let salt: [UInt8]
    let authenticationKey: [UInt8]

    init(_ section: Section) throws(ConfigurationFailure) {
        transform = try section.required("algorithm").transform()
        key = try section.secret("key", count: transform.keyByteCount, for: transform)
        salt = try section.secret("salt", count: transform.saltByteCount, for: transform)
        authenticationKey = try section.secret(
            "authenticationKey", count: transform.authenticationKeyByteCount, for: transform)
    }

    /// What no other SA may have, where it stands, and the beginning of the sentence that says so.
    func identity(_ section: Section) throws(ConfigurationFailure) -> (secret: [UInt8], Entry, words: String) {
        if key.isEmpty {
            return (authenticationKey, try section.required("authenticationKey"), "the digits of authenticationKey are")
        }
        return (key + salt, try section.required("key"), salt.isEmpty ? "the digits of key are" : "key and salt are")
    }

    /// Why, for people.
    var advice: String {
        switch transform.cipher {
        case .aes128gcm16, .aes192gcm16, .aes256gcm16:
            "Write new random ones: one key with one nonce twice breaks AES-GCM for good."
        default: "Write new random ones: a key is for one SA in one direction."
        }
    }
}

extension Entry {
    /// A cipher, with an integrity algorithm where it needs one: what is none is refused by its part that is wrong.
    fileprivate func transform() throws(ConfigurationFailure) -> Transform {
        typealias Cipher = Transform.Cipher
        typealias Integrity = Transform.Integrity
        guard let text = try scalar() else {
            throw failure(wanted: "an algorithm such as aes256gcm16 or aes256-sha256")
        }
        if let known = Transform(rawValue: text) { return known }
        let words = text.split(separator: "-", maxSplits: 1).map(String.init)
        guard let first = words.first, let cipher = Cipher(rawValue: first) else {
            let names = Cipher.allCases.map(\.rawValue)
            let remedy = Spelling.nearest(to: words.first ?? "", among: names).map { "Write \(name): \($0)." }
            throw failure(
                "\(name) is \(quoted(text)); \(names.dropLast().joined(separator: ", ")) or \(names.last!) is wanted, "
                    + "the last five with an integrity algorithm", remedy: remedy)
        }
        if cipher.isCombined {
            throw failure(
                "\(name) is \(quoted(text)); \(cipher.rawValue) authenticates by itself",
                remedy: "Write \(name): \(cipher.rawValue).")
        }
        let integrity = Integrity.allCases.map(\.rawValue).dropLast().joined(separator: ", ")
        throw failure(
            words.count < 2
                ? "\(name) is \(quoted(text)), which does not authenticate; an integrity algorithm is wanted with it: "
                    + "\(integrity), or sha1 for a peer that has nothing better"
                : "\(name) is \(quoted(text)), and \(quoted(words[1])) is no integrity algorithm; "
                    + "\(integrity) or sha1 is wanted",
            remedy: "Write \(name): \(cipher.rawValue)-sha256.")
    }
}

extension Section {
    /// Required where the transform has one, and not there (or empty) where it has none.
    fileprivate func secret(_ key: String, count: Int, for transform: Transform) throws(ConfigurationFailure) -> [UInt8]
    {
        if count > 0 { return try required(key).secretBytes(count: count, for: transform.rawValue) }
        if let entry = self[key], try entry.scalar() != "" {
            throw entry.failure("\(transform.rawValue) has no \(key)", remedy: "Remove \(key).")
        }
        return []
    }
}

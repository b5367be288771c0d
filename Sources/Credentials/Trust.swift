public import ControlPlane

/// Which authorities are believed, and what is known of certificates that they have taken back.
public struct Trust: Sendable {
    /// What revocation lists are for.
    public enum Revocation: String, Sendable, CaseIterable {
        /// Without a current list of each issuer nobody is believed.
        case require
        /// Who is on a list is not believed, even when the list is out of date; who is on none is.
        case use
        /// Lists are not looked at.
        case ignore
    }

    let authorities: [KnownCertificate]
    let intermediates: [KnownCertificate]
    let lists: [RevocationList]
    let revocation: Revocation

    /// `authorities` are believed, `intermediates` only help to find the way to them.
    public init(
        authorities: [CredentialSource], intermediates: [CredentialSource] = [],
        revocationLists: [CredentialSource] = [], revocation: Revocation
    ) throws(CredentialFault) {
        self.authorities = try Self.read(authorities)
        self.intermediates = try Self.read(intermediates)
        var lists: [RevocationList] = []
        for source in revocationLists { lists += try RevocationList.read(source) }
        self.lists = lists
        self.revocation = revocation
    }

    /// From files.
    public init(
        authorityFiles: [String], intermediateFiles: [String] = [], revocationListFiles: [String] = [],
        revocation: Revocation
    ) throws(CredentialFault) {
        func sources(_ files: [String]) throws(CredentialFault) -> [CredentialSource] {
            var sources: [CredentialSource] = []
            for file in files { sources.append(try CredentialSource(file: file)) }
            return sources
        }
        try self.init(
            authorities: try sources(authorityFiles), intermediates: try sources(intermediateFiles),
            revocationLists: try sources(revocationListFiles), revocation: revocation)
    }

    private static func read(_ sources: [CredentialSource]) throws(CredentialFault) -> [KnownCertificate] {
        var known: [KnownCertificate] = []
        for source in sources { known += try KnownCertificate.read(source) }
        return known
    }

    /// What a session's policy asks its peers for.
    public func requirement(
        schemes: Set<SignatureScheme> = CertificateRequirement.defaultSchemes
    ) -> CertificateRequirement {
        CertificateRequirement(
            authorityKeyHashes: authorities.map { Digest.sha1($0.publicKeyInfo) }, schemes: schemes)
    }
}

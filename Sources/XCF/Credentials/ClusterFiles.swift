internal import Foundation
internal import SwiftASN1
internal import Wire
internal import X509

/// What `viaduct cluster init` makes for a cluster's first start: an authority, and for each member the two files of
/// `LinkCredentials`; and the cluster's key.
public struct ClusterFiles {
    /// Made by it, in this order: one line each.
    public struct Made: Sendable, Hashable, CustomStringConvertible {
        public var path: String
        public var what: String
        public var description: String { "\(path): \(what)" }
    }

    private let files: LinkFiles
    private let cluster: String
    private let nodes: [String]

    /// `nodes`: routers and targets.
    public init(directory: String, cluster: String, nodes: [String]) {
        files = LinkFiles(directory: directory)
        self.cluster = cluster
        self.nodes = nodes
    }

    /// Makes all, and the cluster's key when there is none. Refuses before it makes anything when one of the others is there:
    /// members may trust it.
    public func make() throws(LinkCredentialFault) -> [Made] {
        let names =
            [LinkFiles.authority, LinkFiles.authorityKey]
            + nodes.flatMap { [LinkFiles.certificate(of: $0), LinkFiles.key(of: $0)] }
        if let there = names.first(where: files.exists) {
            throw LinkCredentialFault(
                path: files.path(there), problem: "it is there already, and nothing is overwritten",
                remedy: "Name another directory, or add what is missing by --add.")
        }
        try files.makeDirectory()
        let now = Date()
        let authority = try made { try LinkAuthority(cluster: cluster, now: now) }
        var made: [Made] = []
        made.append(
            try write(
                LinkFiles.authorityKey, try pem { try authority.key.serializeAsPEM() }, 0o600,
                "the authority's private key; no member needs it, keep it away from them"))
        made.append(
            try write(
                LinkFiles.authority, try pem { try authority.certificate.serializeAsPEM() }, 0o644,
                "the authority's certificate until \(day(authority.certificate.notValidAfter)), for every member"))
        made += try issue(nodes, authority, now)
        if !files.exists(LinkFiles.clusterKey) {
            let digits = Hexadecimal.text((0..<32).map { _ in UInt8.random(in: 0 ... .max) })
            made.append(
                try write(
                    LinkFiles.clusterKey, Array((digits + "\n").utf8), 0o600,
                    "the cluster's key, the same for every member; clusterKey names it"))
        }
        return made
    }

    /// Makes what members lack, signed by the authority that is there. The cluster's key is left alone: another one would not
    /// be the members'.
    public func add() throws(LinkCredentialFault) -> [Made] {
        let authority = try readAuthority()
        var lacking: [String] = []
        for node in nodes {
            let (certificate, key) = (LinkFiles.certificate(of: node), LinkFiles.key(of: node))
            switch (files.exists(certificate), files.exists(key)) {
            case (true, true): break
            case (false, false): lacking.append(node)
            case (true, false), (false, true):
                let there = files.exists(key) ? key : certificate
                throw LinkCredentialFault(
                    path: files.path(there), problem: "it is there without \(there == key ? certificate : key)",
                    remedy: "Remove it, or put the other one back.")
            }
        }
        return try issue(lacking, authority, Date())
    }

    private func issue(
        _ nodes: [String], _ authority: LinkAuthority, _ now: Date
    ) throws(LinkCredentialFault) -> [Made] {
        var all: [Made] = []
        for node in nodes {
            let issued = try made { try authority.issue(node, now: now) }
            // The key first: a certificate without its key would be of no use.
            all.append(
                try write(
                    LinkFiles.key(of: node), try pem { try issued.key.serializeAsPEM() }, 0o600,
                    "the private key of \(node), for it alone"))
            all.append(
                try write(
                    LinkFiles.certificate(of: node), try pem { try issued.certificate.serializeAsPEM() }, 0o644,
                    "the certificate of \(node) until \(day(issued.certificate.notValidAfter))"))
        }
        return all
    }

    private func readAuthority() throws(LinkCredentialFault) -> LinkAuthority {
        func text(_ name: String) throws(LinkCredentialFault) -> String {
            String(decoding: try files.read(name).bytes, as: UTF8.self)
        }
        let (certificateText, keyText) = (try text(LinkFiles.authority), try text(LinkFiles.authorityKey))
        guard let certificate = try? Certificate(pemEncoded: certificateText),
            let key = try? Certificate.PrivateKey(pemEncoded: keyText), key.publicKey == certificate.publicKey
        else {
            throw LinkCredentialFault(
                path: files.path(LinkFiles.authorityKey),
                problem: "it and \(files.path(LinkFiles.authority)) are not one authority's key and certificate",
                remedy: "Put the two files that were made together there.")
        }
        guard certificate.isValid(at: Date()) else {
            throw LinkCredentialFault(
                path: files.path(LinkFiles.authority), problem: "it expired on \(day(certificate.notValidAfter))",
                remedy: "Make a new authority and new members' files in another directory.")
        }
        return LinkAuthority(certificate: certificate, key: key)
    }

    private func write(
        _ name: String, _ bytes: [UInt8], _ permissions: UInt32, _ what: String
    ) throws(LinkCredentialFault) -> Made {
        try files.write(name, bytes, permissions: permissions)
        return Made(path: files.path(name), what: what)
    }

    private func pem(_ document: () throws -> PEMDocument) throws(LinkCredentialFault) -> [UInt8] {
        Array((try made { try document() }.pemString + "\n").utf8)
    }

    /// Signing and writing PEM fail for names only that are no DNS names.
    private func made<Value>(_ body: () throws -> Value) throws(LinkCredentialFault) -> Value {
        do {
            return try body()
        } catch {
            throw LinkCredentialFault(
                path: files.directory, problem: "a certificate cannot be made: \(error)",
                remedy: "Are the nodes' names letters, digits, \".\", \"-\" and \"_\"?")
        }
    }
}

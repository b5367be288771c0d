import Commands
import ControlPlane
import CouplingFacilities
import Foundation

/// etcd on this machine's loopback, one member or several, with a directory and ports of their own; gone with the value.
final class EtcdCluster {
    struct Member {
        let name: String
        let port, peerPort: UInt16
        var server: Command?
        var watchdog: Command?
    }

    /// Each member lays out a log of 64 MB.
    let directory = TemporaryDirectory.inMemory(bytes: 2 << 30)
    private(set) var members: [Member] = []
    private let token = UUID().uuidString
    private let more: [String]
    /// Certificates that members have and ask clients for.
    let certificates: EtcdCertificates?

    init(members count: Int = 1, certificates: EtcdCertificates? = nil, more: [String] = []) throws {
        self.certificates = certificates
        self.more = more
        let ports = freePorts(2 * count)
        members = (0..<count).map { Member(name: "m\($0)", port: ports[2 * $0], peerPort: ports[2 * $0 + 1]) }
        for index in 0..<count { try start(index) }
    }

    deinit { for index in members.indices { kill(index) } }

    /// On what it had written when it ended.
    func start(_ index: Int) throws {
        let member = members[index]
        let cluster = members.map { "\($0.name)=http://127.0.0.1:\($0.peerPort)" }.joined(separator: ",")
        let scheme = certificates == nil ? "http" : "https"
        var words = [
            "etcd", "--name", member.name, "--data-dir", "\(directory.path)/\(member.name)",
            "--listen-client-urls", "\(scheme)://127.0.0.1:\(member.port)",
            "--advertise-client-urls", "\(scheme)://127.0.0.1:\(member.port)",
            "--listen-peer-urls", "http://127.0.0.1:\(member.peerPort)",
            "--initial-advertise-peer-urls", "http://127.0.0.1:\(member.peerPort)",
            "--initial-cluster", cluster, "--initial-cluster-token", token, "--initial-cluster-state", "new",
            "--heartbeat-interval", "50", "--election-timeout", "500", "--logger", "zap",
        ]
        if let certificates {
            words += [
                "--cert-file", certificates.path("server.pem"), "--key-file", certificates.path("server.key"),
                "--client-cert-auth", "--trusted-ca-file", certificates.path("ca.pem"),
            ]
        }
        words += more
        let log = "\(directory.path)/\(member.name).log"
        let server = try Command(
            ["sh", "-c", "log=$1; shift; exec \"$@\" >>\"$log\" 2>&1", "etcd", log] + words)
        members[index].server = server
        // Should this process be killed, nobody else would end the server.
        members[index].watchdog = try Command([
            "sh", "-c", "exec >/dev/null 2>&1; while kill -0 $1 && kill -0 $2; do sleep 1; done; kill -9 $2",
            "watchdog", "\(ProcessInfo.processInfo.processIdentifier)", "\(server.process)",
        ])
    }

    /// At once, as by a crash.
    func kill(_ index: Int) {
        members[index].server = nil
        members[index].watchdog = nil
    }

    func signal(_ index: Int, _ signal: Int32) { members[index].server?.send(signal: signal) }

    var endpoints: [EtcdEndpoint] {
        members.map { EtcdEndpoint(isTLS: certificates != nil, host: "127.0.0.1", port: $0.port) }
    }

    var credentials: EtcdCredentials? {
        certificates.map {
            EtcdCredentials(
                authority: $0.path("ca.pem"), certificate: $0.path("client.pem"), privateKey: $0.path("client.key"))
        }
    }

    func facility() throws -> EtcdFacility { try EtcdFacility(endpoints: endpoints, credentials: credentials) }

    /// The end of each member's log: for people, when a test has failed.
    var lastWords: String {
        members.map { member in
            let log = try? String(contentsOfFile: "\(directory.path)/\(member.name).log", encoding: .utf8)
            return "\(member.name): \((log ?? "no log").suffix(1500))"
        }.joined(separator: "\n")
    }

    /// Waits until it answers.
    func isUp() async throws -> Bool {
        let facility = try facility()
        let answers = await eventually { (try? await facility.list("/")) != nil }
        await facility.close()
        return answers
    }

    @discardableResult
    func etcdctl(_ words: String...) throws -> String {
        var arguments = ["env", "ETCDCTL_API=3", "etcdctl", "--endpoints"]
        arguments.append(endpoints.map(\.description).joined(separator: ","))
        return try run(arguments + words)
    }

    /// Of those that answer; etcdctl calls it a failure when one of them does not.
    private var status: String? {
        let words = ["env", "ETCDCTL_API=3", "etcdctl", "--endpoints"]
        let places = endpoints.map(\.description).joined(separator: ",")
        return try? outcome(of: words + [places, "endpoint", "status", "-w", "json"]).output
    }

    /// The place of the present leader; nil while there is none.
    var leader: Int? {
        struct Answer: Decodable {
            struct Status: Decodable {
                struct Header: Decodable {
                    var member: UInt64
                    enum CodingKeys: String, CodingKey { case member = "member_id" }
                }
                var header: Header
                var leader: UInt64?
            }
            var endpoint: String
            var status: Status
            enum CodingKeys: String, CodingKey {
                case endpoint = "Endpoint"
                case status = "Status"
            }
        }
        guard let text = status,
            let answers = try? JSONDecoder().decode([Answer].self, from: Data(text.utf8)),
            let found = answers.first(where: { $0.status.leader == $0.status.header.member })
        else { return nil }
        return endpoints.firstIndex { $0.description == found.endpoint }
    }
}

/// An authority with a server's and a client's certificate, and another authority that nobody trusts.
final class EtcdCertificates {
    private let directory = TemporaryDirectory()
    func path(_ name: String) -> String { directory.path + "/" + name }

    init() throws {
        for authority in ["ca", "other"] {
            try run(
                "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                "2",
                "-subj", "/CN=\(authority)", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                "keyUsage=critical,keyCertSign", "-keyout", path("\(authority).key"), "-out", path("\(authority).pem"))
        }
        for (name, authority) in [("server", "ca"), ("client", "ca"), ("stranger", "other")] {
            try """
            subjectAltName=IP:127.0.0.1
            extendedKeyUsage=serverAuth,clientAuth
            """.write(toFile: path("extensions"), atomically: false, encoding: .utf8)
            try run(
                "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/CN=\(name)",
                "-keyout", path("\(name).key"), "-out", path("\(name).csr"))
            try run(
                "openssl", "x509", "-req", "-in", path("\(name).csr"), "-CA", path("\(authority).pem"), "-CAkey",
                path("\(authority).key"),
                "-CAcreateserial", "-days", "2", "-extfile", path("extensions"), "-out", path("\(name).pem"))
        }
    }
}

/// Nobody listens on them just now.
func freePorts(_ count: Int) -> [UInt16] {
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    return (0..<count).map { _ in
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        sockets.append(descriptor)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                _ = bind(descriptor, $0, length)
                _ = getsockname(descriptor, $0, &length)
            }
        }
        return UInt16(bigEndian: address.sin_port)
    }
}

import Associations
import Configuration
import ControlPlane
import Dispatch
import FastPath
import Foundation

/// Why a node could not start or go on, in one line.
struct RunFailure: Error, CustomStringConvertible {
    var description: String
    init(_ error: any Error) { description = "\(error)" }
    init(_ text: String) { description = text }
}

/// A node of the cluster about to run: what all roles need. Each role's wiring is in a file of its own.
struct Member {
    let cluster: ClusterConfiguration
    let node: Node
    let statusFile: String?
    let controlSocket: String?
    let termination: Termination

    /// Says that the node works: the one line on standard output.
    func announce(_ what: String) {
        print("ready: \(node.name) \(what)")
        flushOutput()
    }

    /// In order if the packet loop still hears `end`; otherwise the process ends without it, and the kernel takes back what
    /// it had.
    static func takeOut(
        _ role: String, because why: String, end: () -> Void, hasEnded: @escaping @Sendable () -> Bool
    ) {
        Log.warn("this \(role) takes itself out: \(why)")
        end()
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(3)) { if !hasEnded() { exit(1) } }
    }

    /// The durable marks of an outbound SA whose numbers this node hands out.
    func reservation(of association: SecurityAssociation) throws -> ReservationFile {
        guard let path = cluster.stateDirectory else {
            throw RunFailure("\(association.name): no stateDirectory to keep its sequence numbers in")
        }
        return try ReservationFile(
            directory: StateDirectory(path: path), spi: association.spi, destination: association.destination,
            fingerprint: association.keyFingerprint)
    }
}

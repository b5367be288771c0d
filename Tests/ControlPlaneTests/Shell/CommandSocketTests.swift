import ControlPlane
import Foundation
import Synchronization
import Testing

@Suite struct CommandSocketTests {
    private let path = "/tmp/viaduct-\(UInt64.random(in: 0 ... .max)).sock"

    @Test func aQuestionIsAnswered() throws {
        let asked = Mutex<[String]>([])
        let socket = try CommandSocket(path: path) { line in
            asked.withLock { $0.append(line) }
            return "heard \(line.count)"
        }
        defer { socket.stop() }
        #expect(try CommandSocket.ask("rekey branch", path: path) == "heard 12")
        #expect(try CommandSocket.ask("", path: path) == "heard 0")
        #expect(asked.withLock { $0 } == ["rekey branch", ""])
    }

    @Test func onlyTheOwnerMayAsk() throws {
        let socket = try CommandSocket(path: path) { $0 }
        defer { socket.stop() }
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func whatAProcessBeforeLeftIsReplacedAndNothingIsLeft() throws {
        let first = try CommandSocket(path: path) { _ in "first" }
        let second = try CommandSocket(path: path) { _ in "second" }
        #expect(try CommandSocket.ask("who", path: path) == "second")
        second.stop()
        first.stop()
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(throws: SystemError.self) { try CommandSocket.ask("who", path: path) }
    }

    @Test func aPathThatDoesNotFitIsSaid() {
        let long = "/tmp/" + String(repeating: "x", count: 200)
        #expect(throws: SystemError("bind", long, code: ENAMETOOLONG)) { try CommandSocket(path: long) { $0 } }
    }
}

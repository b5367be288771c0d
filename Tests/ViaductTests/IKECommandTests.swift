import ControlPlane
import Testing
import Wire

@testable import viaduct

/// What an operator says to IKE by the control socket.
@Suite struct IKECommandTests {
    @Test(arguments: [
        ("initiate branch", IKECommand.initiate("branch")), ("rekey-children #3", .rekeyChildren("#3")),
        ("terminate my branch", .terminate("my branch")),
        ("redirect branch 192.0.2.2", .redirect("branch", IPAddress("192.0.2.2")!)),
        ("move #3 2001:db8::1", .move("#3", IPAddress("2001:db8::1")!)),
    ]) func aLineIsACommand(_ line: String, _ command: IKECommand) {
        #expect(IKECommand(line: line) == command)
    }

    @Test(arguments: ["", "rekey", "redirect branch", "move branch there", "move 192.0.2.2", "fly branch", "close all"])
    func anythingElseIsNone(_ line: String) {
        #expect(IKECommand(line: line) == nil)
    }
}

import Associations
import ControlPlane
import Testing
import Wire

extension IKEMessageTests {
    /// Between the selectors of an SA and those of a negotiation.
    @Suite struct Selectors {
        static func range(_ text: String) -> AddressRange { AddressRange(text)! }
        static let tcp = TrafficSelectors(
            remote: [range("10.71.0.0/16"), range("10.81.0.0-10.81.0.9")], local: [range("10.72.0.10")], ipProtocol: 6,
            remotePorts: [], localPorts: [80...80, 443...444])

        @Test func anAssociationsSelectorsAreSent() throws {
            #expect(
                Self.tcp.payload(.local).selectors == [
                    TrafficSelector(Self.range("10.72.0.10"), ipProtocol: 6, ports: .range(80...80)),
                    TrafficSelector(Self.range("10.72.0.10"), ipProtocol: 6, ports: .range(443...444)),
                ])
            #expect(
                Self.tcp.payload(.remote).selectors == [
                    TrafficSelector(Self.range("10.71.0.0/16"), ipProtocol: 6),
                    TrafficSelector(Self.range("10.81.0.0-10.81.0.9"), ipProtocol: 6),
                ])
            #expect(
                "\(Self.tcp.payload(.local).selectors)" == "[10.72.0.10[6/80], 10.72.0.10[6/443-444]]")
        }

        @Test func andComeBack() throws {
            let all = TrafficSelectors(
                remote: [Self.range("2001:db8::/32")], local: [Self.range("10.0.0.0/8"), Self.range("::1")])
            for selectors in [Self.tcp, Self.tcp.mirrored, all] {
                let payloads = try IKEMessageTests.echo([
                    .trafficSelectorsInitiator(selectors.payload(.remote)),
                    .trafficSelectorsResponder(selectors.payload(.local)),
                ])
                #expect(
                    TrafficSelectors(
                        local: try #require(payloads.trafficSelectorsResponder).selectors,
                        remote: try #require(payloads.trafficSelectorsInitiator).selectors) == selectors)
            }
        }

        @Test func whatAnAssociationCannotSayIsRefused() {
            let plain = [TrafficSelector(Self.range("10.0.0.1"))]
            func selector(_ address: String, _ ipProtocol: UInt8, _ ports: TrafficSelector.Ports) -> TrafficSelector {
                TrafficSelector(Self.range(address), ipProtocol: ipProtocol, ports: ports)
            }
            #expect(TrafficSelectors(local: plain, remote: plain) != nil)
            #expect(TrafficSelectors(local: [], remote: plain) == nil)
            #expect(TrafficSelectors(local: plain, remote: []) == nil)
            #expect(TrafficSelectors(local: plain, remote: [selector("10.0.0.2", 6, .any)]) == nil)
            #expect(TrafficSelectors(local: plain, remote: [selector("10.0.0.2", 0, .opaque)]) == nil)
            // Port 80 of the one and 443 of the other is less than both of both.
            #expect(
                TrafficSelectors(
                    local: [selector("10.0.0.1", 6, .range(80...80)), selector("10.0.0.2", 6, .range(443...443))],
                    remote: [selector("10.0.0.3", 6, .any)]) == nil)
        }

        @Test func opaquePortsAreSentInverted() throws {
            let opaque = TrafficSelector(Self.range("10.0.0.1"), ipProtocol: 17, ports: .opaque)
            let message = IKEMessage(
                IKEMessageTests.header, [.trafficSelectorsInitiator(TrafficSelectorPayload([opaque]))])
            #expect(message.bytes[40..<44] == [0xFF, 0xFF, 0, 0])
            #expect(try IKEMessage(message.bytes).payloads.trafficSelectorsInitiator?.selectors == [opaque])
            #expect("\(opaque)" == "10.0.0.1[17/opaque]")
        }
    }
}

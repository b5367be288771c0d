import Associations
import Configuration
import Testing

/// When a target is lost, its weight, and what it can do.
@Suite struct HealthRuleTests {
    private static func page(_ health: String) -> String {
        Edit.applying("epoch: 1 ", "epoch: 1\nhealth: \(health) ", to: Page.yaml)
    }

    @Test func whatIsLeftOutHasItsDefault() throws {
        let plain = try ClusterConfiguration(yaml: Page.yaml, file: "cluster.yaml")
        #expect(plain.health == HealthSettings(silenceMilliseconds: 800, probeMilliseconds: 200, whenLost: .move))
        for (text, silence, probe) in [("400", 400, 100), ("60000", 60_000, 200), ("200", 200, 50)] {
            let short = try ClusterConfiguration(
                yaml: Self.page("{silenceMilliseconds: \(text)}"), file: "cluster.yaml")
            #expect(short.health == HealthSettings(silenceMilliseconds: silence, probeMilliseconds: probe))
        }
    }

    @Test func everythingWritten() throws {
        let cluster = try ClusterConfiguration(
            yaml: Self.page("{silenceMilliseconds: 3000, probeMilliseconds: 1500, whenLost: hold}"),
            file: "cluster.yaml")
        #expect(
            cluster.health == HealthSettings(silenceMilliseconds: 3000, probeMilliseconds: 1500, whenLost: .hold))
    }

    @Test(arguments: [
        ("delivery: tun", TargetDelivery.tun), ("delivery: xfrm", .xfrm), ("delivery: auto", .auto), ("# none", .tun),
    ])
    func aTargetsDelivery(_ text: String, _ expected: TargetDelivery) throws {
        let yaml = Edit.applying("mtu: 1400                       #", "\(text) #", to: Page.yaml)
        guard
            case .target(let target) = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml").node(named: "t1").role
        else {
            Issue.record("no target")
            return
        }
        #expect(target.delivery == expected)
    }

    @Test(arguments: [("weight: 7", TargetWeight.fixed(7)), ("weight: led", .led), ("# none", .fixed(1))])
    func aTargetsWeight(_ text: String, _ expected: TargetWeight) throws {
        let yaml = Edit.applying("mtu: 1400                       #", "\(text) #", to: Page.yaml)
        guard
            case .target(let target) = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml").node(named: "t1").role
        else {
            Issue.record("no target")
            return
        }
        #expect(target.weight == expected)
    }

    @Test(arguments: [
        ("transforms: [aes256gcm16]", [Transform.aes256gcm16]),
        ("transforms: [aes256gcm16, aes128gcm16]", [.aes256gcm16, .aes128gcm16]), ("# none", Transform.allCases),
    ])
    func aTargetsTransforms(_ text: String, _ expected: [Transform]) throws {
        let yaml = Edit.applying("mtu: 1400                       #", "\(text) #", to: Page.yaml)
        guard
            case .target(let target) = try ClusterConfiguration(yaml: yaml, file: "cluster.yaml").node(named: "t1").role
        else {
            Issue.record("no target")
            return
        }
        #expect(target.transforms == expected)
    }

    static let refused = [
        Edit(
            "mtu: 1400                       #", "transforms: [] #",
            gives: "cluster.yaml:19: transforms is an empty list. Write transforms: [aes128gcm16, aes256gcm16]."),
        Edit(
            "mtu: 1400                       #", "transforms: [aes128] #",
            gives: "cluster.yaml:19: transforms holds \"aes128\"; the name of a transform is wanted. "
                + "Write transforms: [aes128gcm16, aes256gcm16]."),
        Edit(
            "mtu: 1400                       #", "transforms: [aes128gcm16] #",
            gives: "cluster.yaml:36: \"client-in\" is aes256gcm16, which the transforms of \"t1\" leave out. "
                + "Give a manual SA an algorithm that every target can do, or let IKE negotiate it."),
        Edit(
            "epoch: 1 ", "health: {silenceMilliseconds: 100} ",
            gives: "cluster.yaml:2: silenceMilliseconds is 100; 200 to 60000 is allowed. "
                + "Write silenceMilliseconds: 800."),
        Edit(
            "epoch: 1 ", "health: {probeMilliseconds: 10} ",
            gives: "cluster.yaml:2: probeMilliseconds is 10; 50 to 30000 is allowed. Write probeMilliseconds: 200."),
        Edit(
            "epoch: 1 ", "health: {silenceMilliseconds: 600, probeMilliseconds: 301} ",
            gives: "cluster.yaml:2: probeMilliseconds is 301, more than half the silence of 600 ms, so that one lost "
                + "probe could mean a lost target. Write probeMilliseconds: 150."),
        Edit(
            "epoch: 1 ", "health: {whenLost: reset} ",
            gives: "cluster.yaml:2: whenLost is \"reset\"; move or hold is wanted. Write whenLost: move."),
        Edit(
            "epoch: 1 ", "health: {silence: 800} ",
            gives: "cluster.yaml:2: health has an unknown key \"silence\". Write silenceMilliseconds, or remove it."),
        Edit(
            "epoch: 1 ", "health: 800 ",
            gives: "cluster.yaml:2: health is a single value; keys are wanted (silenceMilliseconds, "
                + "probeMilliseconds, whenLost). Write health: {silenceMilliseconds: 800}."),
        Edit(
            "mtu: 1400                       #", "weight: 0 #",
            gives: "cluster.yaml:19: weight is 0; 1 to 1000 or led is allowed. Write weight: 1."),
        Edit(
            "mtu: 1400                       #", "weight: lead #",
            gives: "cluster.yaml:19: weight is \"lead\"; a number, 1 to 1000 or led, is wanted. Write weight: 1."),
        Edit(
            "port: auto", "weight: 3",
            gives: "cluster.yaml:15: node \"router1\" has an unknown key \"weight\". Remove it; the keys here are "
                + "role, clientInterface, trustedInterface, trustedAddress, port, workers."),
    ]

    @Test("Health and weights", arguments: refused)
    func refuses(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }
}

import Testing

@testable import Configuration

/// What YAML allows and we do not, and what YAML does not.
@Suite struct YAMLRuleTests {
    /// What is YAML, and not ours, or not even YAML.
    static let yaml = [
        Edit(
            "  t1:\n", "  router1:\n",
            gives: "cluster.yaml:10: \"router1\" stands here and again further down. Keep one of the two."),
        Edit(
            "key: 71f8", "key: [1",
            gives:
                "cluster.yaml:44: this is not YAML: did not find expected ',' or ']' (while parsing a flow "
                + "sequence that begins in line 43). "
                + "Look at the quotes, the brackets, the colons and the indentation (spaces, no tabs) here."),
        Edit(
            "epoch: 1 ", "cluster: two ",
            gives: "cluster.yaml:1: \"cluster\" stands here and again further down. Keep one of the two."),
        Edit(
            "epoch: 1 ", "\"cluster\": two ",
            gives: "cluster.yaml:1: \"cluster\" stands here and again further down. Keep one of the two."),
        Edit(
            "epoch: 1 ", "!x epoch: 1 ",
            gives: "cluster.yaml:2: a key bears the YAML tag \"!x\". Write the value without a tag."),
        Edit(
            "epoch: 1 ", "epoch: !x 1 ",
            gives: "cluster.yaml:2: epoch bears the YAML tag \"!x\". Write the value without a tag."),
        Edit(
            "epoch: 1 ", "epoch: &a 1\nleases: *a ",
            gives: "cluster.yaml:3: aliases (*a) are not supported. Write the value itself here."),
        Edit(
            "epoch: 1 ", "epoch: *a ",
            gives: "cluster.yaml:2: aliases (*name) are not supported. Write the value itself here."),
        Edit(
            "epoch: 1 ", "? [a]\n: 2\n",
            gives: "cluster.yaml:2: a key of the file is not a text. "
                + "The keys here are cluster, epoch, verify, stateDirectory, leases, health, limits, link, nodes, "
                + "gateways, dvipas, "
                + "securityAssociations, filters, clusterKey, formerClusterKeys, coupling, ike."
        ),
        Edit(
            "epoch: 1 ", "epoch 1 ",
            gives:
                "cluster.yaml:3: this is not YAML: could not find expected ':' (while scanning a simple key "
                + "that begins in line 2). "
                + "Look at the quotes, the brackets, the colons and the indentation (spaces, no tabs) here."),
        Edit(
            "epoch: 1 ", "epoch: 1: 2 ",
            gives: "cluster.yaml:2: this is not YAML: mapping values are not allowed in this context. "
                + "Look at the quotes, the brackets, the colons and the indentation (spaces, no tabs) here."),
        Edit(
            "epoch: 1 ", "\tepoch: 1 ",
            gives:
                "cluster.yaml:2: this is not YAML: found character that cannot start any token (while scanning "
                + "for the next token that begins in line 2). "
                + "Look at the quotes, the brackets, the colons and the indentation (spaces, no tabs) here."),
        Edit(
            "gateways: [198.51.100.1]", "gateways: [198.51.100.1",
            gives:
                "cluster.yaml:27: this is not YAML: did not find expected ',' or ']' (while parsing a flow "
                + "sequence that begins in line 25). "
                + "Look at the quotes, the brackets, the colons and the indentation (spaces, no tabs) here."),
        Edit(
            "cluster: demo", "cluster: \"demo",
            gives:
                "cluster.yaml:32: this is not YAML: did not find expected key (while parsing a block mapping "
                + "that begins in line 1). "
                + "Look at the quotes, the brackets, the colons and the indentation (spaces, no tabs) here."),
        Edit(
            "gateways", "---\ngateways",
            gives: "cluster.yaml:25: a second YAML document begins here. Keep one document in the file."),
    ]

    @Test("What is YAML, and not ours, or not even YAML", arguments: yaml)
    func refusesYaml(_ edit: Edit) { #expect(message(edit.yaml) == edit.message) }
}

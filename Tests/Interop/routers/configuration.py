"""The cluster's configuration (docs/configuration.md) for connections that scenarios ask for. JSON is YAML."""
import json

from peers.ours import described
from testbed import plan


def configuration(connections, mode, folder, transforms=()):
    """The text. `transforms`: target -> those it can do, of targets that cannot do all. Keys and certificates are those that `viaduct cluster init` makes in `folder`/link."""
    router = {"role": "router", "clientInterface": "client0", "trustedInterface": "trusted0", "trustedAddress": plan.ROUTER_TRUSTED}
    targets = {t: {"role": "target", "trustedAddress": plan.trusted_address(t)} for t in plan.TARGETS}
    for target, those in dict(transforms).items():
        targets[target]["transforms"] = list(those)
    tunnel = mode == "tunnel"
    return json.dumps({
        "cluster": "interop", "stateDirectory": str(folder / "state"), "clusterKey": str(folder / "link" / "cluster.key"),
        "link": {"credentials": str(folder / "link")},
        "nodes": {plan.ROUTER: router, **targets},
        "gateways": [plan.GATEWAY] if tunnel else [],
        "dvipas": [{"address": plan.dvipa(mode), "services": [{"name": "web", "protocol": "tcp", "ports": [int(plan.PORT)]}]}],
        "ike": {"listen": [plan.GATEWAY if tunnel else plan.DVIPA_OUTSIDE], "connections": [described(c) for c in connections]},
    }, indent=1)

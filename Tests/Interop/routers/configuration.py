"""The cluster's configuration (docs/configuration.md) for connections that scenarios ask for. JSON is YAML."""
import json

from peers.ours import described
from testbed import plan


def configuration(connections, mode, folder, transforms=(), verify="router"):
    """The text. `verify`: who authenticates. `transforms`: target -> those it can do, of targets that cannot do all. Keys and certificates are those that `viaduct cluster init` makes in `folder`/link."""
    router = {"role": "router", "clientInterface": "client0", "trustedInterface": "trusted0", "trustedAddress": plan.ROUTER_TRUSTED}
    targets = {t: {"role": "target", "trustedAddress": plan.trusted_address(t)} for t in plan.TARGETS}
    for target, those in dict(transforms).items():
        targets[target]["transforms"] = list(those)
    tunnel = mode == "tunnel"
    service = {"name": "web", "protocol": "tcp", "ports": [int(plan.PORT)]}
    if verify == "target":
        service["steering"] = {"method": "consistent-hash"}
    return json.dumps({
        "cluster": "interop", "verify": verify, "stateDirectory": str(folder / "state"), "clusterKey": str(folder / "link" / "cluster.key"),
        "link": {"credentials": str(folder / "link")},
        "nodes": {plan.ROUTER: router, **targets},
        "gateways": [plan.GATEWAY] if tunnel else [],
        "dvipas": [{"address": plan.dvipa(mode), "services": [service]}],
        "ike": {"listen": [plan.GATEWAY if tunnel else plan.DVIPA_OUTSIDE], "connections": [described(c) for c in connections]},
    }, indent=1)

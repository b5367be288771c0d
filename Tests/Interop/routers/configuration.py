"""The cluster's configuration (docs/configuration.md) for connections that scenarios ask for. JSON is YAML."""
import json
import secrets

from peers.ours import described
from testbed import plan


def configuration(connections, mode, folder):
    """The text. Writes the cluster key beside it."""
    key = folder / "cluster.key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32) + "\n")
    router = {"role": "router", "clientInterface": "client0", "trustedInterface": "trusted0", "trustedAddress": plan.ROUTER_TRUSTED}
    targets = {t: {"role": "target", "trustedAddress": plan.trusted_address(t)} for t in plan.TARGETS}
    tunnel = mode == "tunnel"
    return json.dumps({
        "cluster": "interop", "stateDirectory": str(folder / "state"), "clusterKey": str(key),
        "nodes": {plan.ROUTER: router, **targets},
        "gateways": [plan.GATEWAY] if tunnel else [],
        "dvipas": [{"address": plan.dvipa(mode), "services": [{"name": "web", "protocol": "tcp", "ports": [int(plan.PORT)]}]}],
        "ike": {"listen": [plan.GATEWAY if tunnel else plan.DVIPA_OUTSIDE], "connections": [described(c) for c in connections]},
    }, indent=1)

"""The cluster's file (docs/configuration.md). JSON is YAML."""
import json

from grounds import plan
from peers.ours import described


LEASE_MILLISECONDS = 50
# Other work on the same machine is no illness of a target.
HEALTH = {"silenceMilliseconds": 3000}


def configuration(connections, folder, router=plan.ROUTER, targets=plan.TARGETS, cluster="cluster", coupling=None,
                  health=HEALTH, weights=(), transforms=(), state=None, credentials=None, key=None, **changes):
    """The text. `credentials`: the folder `viaduct cluster init` filled; `weights`: target -> weight; `transforms`:
    target -> those it can do."""
    credentials = credentials or folder / "credentials"
    weights, transforms = dict(weights), dict(transforms)
    nodes = {router: {"role": "router", "clientInterface": "client0", "trustedInterface": "trusted0",
                      "trustedAddress": plan.ROUTER_TRUSTED[router]}}
    for target in targets:
        nodes[target] = {"role": "target", "trustedAddress": plan.trusted_address(target)}
        if target in weights:
            nodes[target]["weight"] = weights[target]
        if target in transforms:
            nodes[target]["transforms"] = list(transforms[target])
    file = {
        "cluster": cluster, "stateDirectory": str(state or folder / "state"), "clusterKey": str(key or credentials / "cluster.key"),
        # Eleven hosts on a machine with two processors: what a host of its own does in 10 ms takes longer here.
        "leases": {"validityMilliseconds": LEASE_MILLISECONDS},
        "link": {"port": plan.LINK_PORT, "credentials": str(credentials)},
        "nodes": nodes, "gateways": [plan.GATEWAY[router]],
        "dvipas": [{"address": plan.DVIPA[router], "services": [{"name": "web", "protocol": "tcp", "ports": [plan.PORT]}]}],
        "ike": {"listen": [plan.GATEWAY[router]], "connections": [described(c) for c in connections]},
    }
    if coupling:
        file["coupling"] = coupling
    if health:
        file["health"] = health
    file.update(changes)
    return json.dumps(file, indent=1)

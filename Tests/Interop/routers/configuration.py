"""The cluster's configuration (docs/configuration.md) for connections that scenarios ask for. JSON is YAML."""
import json

from peers.connection import Certificates
from testbed import plan


def configuration(connections, mode, folder):
    """The text. Keys and certificates are those that `viaduct cluster init` makes in `folder`/link."""
    router = {"role": "router", "clientInterface": "client0", "trustedInterface": "trusted0", "trustedAddress": plan.ROUTER_TRUSTED}
    targets = {t: {"role": "target", "trustedAddress": plan.trusted_address(t)} for t in plan.TARGETS}
    tunnel = mode == "tunnel"
    return json.dumps({
        "cluster": "interop", "stateDirectory": str(folder / "state"), "clusterKey": str(folder / "link" / "cluster.key"),
        "link": {"credentials": str(folder / "link")},
        "nodes": {plan.ROUTER: router, **targets},
        "gateways": [plan.GATEWAY] if tunnel else [],
        "dvipas": [{"address": plan.dvipa(mode), "services": [{"name": "web", "protocol": "tcp", "ports": [int(plan.PORT)]}]}],
        "ike": {"listen": [plan.GATEWAY if tunnel else plan.DVIPA_OUTSIDE], "connections": [described(c) for c in connections]},
    }, indent=1)


def described(connection):
    ours, theirs = connection.local, connection.remote
    tunnel = connection.mode == "tunnel"
    said = {
        "name": connection.name, "local": ours.addresses[0], "localID": ours.identity, "remoteID": theirs.identity,
        "proposals": list(connection.ike), "mobike": connection.mobike,
        "deadPeerSeconds": connection.dpd_seconds, "rekeySeconds": connection.ike_rekey_seconds,
        "reauthenticateSeconds": connection.reauthenticate_seconds, "fragmentSize": 1280 if connection.fragmentation else 0,
        "child": {
            "mode": connection.mode, "proposals": list(connection.esp),
            "local": list(ours.selectors) if tunnel else [plan.DVIPA_OUTSIDE + "/32"],
            "remote": list(theirs.selectors) if tunnel else ["%s/32" % a for a in theirs.addresses],
            # libipsec's window; the shim's daemons have theirs of as much.
            "peerReplayWindow": 128, "rekeySeconds": connection.child_rekey_seconds, "rekeyBytes": connection.child_rekey_bytes,
            "rekeyPackets": connection.child_rekey_packets,
        },
        **credentials(ours.authentication, connection),
    }
    if theirs.addresses:
        said["remote"] = theirs.addresses[0]
    if connection.start:
        said["start"] = "initiate"
    return said


def credentials(authentication, connection):
    if not isinstance(authentication, Certificates):
        return {"presharedKey": authentication.secret}
    chain = authentication.key.with_suffix(".chain.pem")
    chain.write_text("".join(file.read_text() for file in authentication.own))
    said = {"certificate": str(chain), "privateKey": str(authentication.key), "authorities": [str(f) for f in authentication.trusted],
            "revocation": "require" if connection.check_revocation else "use"}
    if authentication.revoked:
        said["revocationLists"] = [str(f) for f in authentication.revoked]
    return said

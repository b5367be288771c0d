"""Viaduct among the peers: a connection as its configuration describes it (docs/configuration.md), and its status in the words of all."""
from peers.association import IKE, Child
from peers.connection import Certificates


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
            "local": list(ours.selectors) if tunnel else ["%s/32" % a for a in ours.addresses],
            "remote": list(theirs.selectors) if tunnel else ["%s/32" % a for a in theirs.addresses],
            # libipsec's window; the shim's daemons have theirs of as much.
            "peerReplayWindow": 128, "rekeySeconds": connection.child_rekey_seconds, "rekeyBytes": connection.child_rekey_bytes,
            "rekeyPackets": connection.child_rekey_packets, "perTarget": "auto" if connection.per_target else "never",
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


def association(session):
    spis = session.get("spis") or ["", ""]
    return IKE(
        name=session["connection"], spi_initiator=digits(spis[0], 16), spi_responder=digits(spis[1], 16), initiator=session["isInitiator"],
        established=session["state"] == "established", peer=session["remote"],
        children=tuple(Child(
            name=session["connection"], spi_in=digits(c["inbound"]), spi_out=digits(c["outbound"]), bytes_in=c["receivedBytes"],
            bytes_out=c["sentBytes"], packets_in=c["receivedPackets"], packets_out=c["sentPackets"], mode=c["mode"],
            algorithms=c["transform"]) for c in session["children"]))


def digits(spi, count=8):
    return spi.removeprefix("0x").zfill(count)

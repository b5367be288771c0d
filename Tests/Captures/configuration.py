"""A capture's description (NAME.json) as the YAML configuration of the router that is to read it. Standard library only."""
import json

# The windows a configuration takes (docs/configuration.md).
WINDOWS = range(32, 4097)


def scalar(value):
    """A YAML scalar. A JSON string is a YAML string, quoted: no number or address is read as something else."""
    return json.dumps(value)


def listed(values):
    return "[%s]" % ", ".join(scalar(v) for v in values)


def services(description, dvipa):
    names = [t["name"] for t in description["targets"]]
    for i, service in enumerate(s for s in description["services"] if s["dvipa"] == dvipa):
        yield "      - name: service%d" % (i + 1)
        yield "        protocol: %s" % service["protocol"]
        if service["ports"]:
            yield "        ports: %s" % listed(service["ports"])
        yield "        targets: %s" % listed(names)


def selectors(sa):
    wanted = sa["selectors"]
    yield "    selectors:"
    yield "      remote: %s" % listed(wanted["remote"])
    yield "      local: %s" % listed(wanted["local"])
    if wanted.get("protocol"):
        yield "      protocol: %s" % wanted["protocol"]
    for ports in ("remotePorts", "localPorts"):
        if wanted.get(ports):
            yield "      %s: %s" % (ports, listed(wanted[ports]))


def rule(wanted):
    """A rule of the filter; remote is the client's side, where an inbound packet comes from."""
    keys = {"remote": "from", "local": "to", "localPorts": "ports", "remotePorts": "sourcePorts"}
    yield "    - action: %s" % wanted["action"]
    if wanted.get("protocol"):
        yield "      protocol: %s" % wanted["protocol"]
    for key, ours in keys.items():
        if wanted.get(key):
            yield "      %s: %s" % (ours, listed(wanted[key]))


def filters(description):
    if not description.get("rules"):
        return
    yield "filters:"
    yield "  at: %s" % description["filterAt"]
    yield "  rules:"
    for wanted in description["rules"]:
        yield from rule(wanted)


def association(sa):
    yield "  - name: %s" % scalar(sa["name"])
    yield "    spi: %s" % sa["spi"]
    yield "    direction: %s" % {"in": "inbound", "out": "outbound"}[sa["direction"]]
    yield "    mode: %s" % sa["mode"]
    yield "    source: %s" % scalar(sa["src"])
    yield "    destination: %s" % scalar(sa["dst"])
    yield "    algorithm: %s" % sa["algorithm"]
    yield "    key: %s" % scalar(sa["key"])
    if sa.get("salt"):
        yield "    salt: %s" % scalar(sa["salt"])
    if sa.get("authKey"):
        yield "    authenticationKey: %s" % scalar(sa["authKey"])
    if sa.get("esn"):
        yield "    extendedSequenceNumbers: true"
    if sa["replayWindow"] in WINDOWS:
        yield "    replayWindow: %d" % sa["replayWindow"]
    if sa.get("udpEncapsulation"):
        ports = sa["udpEncapsulation"]
        yield "    udpEncapsulation: {remotePort: %d}" % ports["sport" if sa["direction"] == "in" else "dport"]
    yield from selectors(sa)


def lines(description):
    yield "cluster: capture"
    yield "nodes:"
    yield "  router1:"
    yield "    role: router"
    yield "    clientInterface: client0"
    yield "    trustedInterface: trusted0"
    yield "    trustedAddress: 192.0.2.1"
    for target in description["targets"]:
        yield "  %s:" % target["name"]
        yield "    role: target"
        yield "    trustedAddress: %s" % scalar(target["address"])
    if description["router"]["gateways"]:
        yield "gateways: %s" % listed(description["router"]["gateways"])
    yield "dvipas:"
    for dvipa in description["dvipas"]:
        yield "  - address: %s" % scalar(dvipa)
        yield "    services:"
        yield from services(description, dvipa)
    yield from filters(description)
    yield "securityAssociations:"
    for sa in description["sas"]:
        yield from association(sa)


def configuration(description):
    """The YAML text."""
    return "\n".join(lines(description)) + "\n"

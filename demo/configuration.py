"""The cluster's configuration (docs/configuration.md): one connection for IKE, or a pair of manual SAs; keys are made for this run only."""
import secrets

from demo import plan

TEMPLATE = """\
cluster: demo
stateDirectory: {state}

nodes:
  router1:
    role: router
    clientInterface: client0
    trustedInterface: trusted0
    trustedAddress: {router}
    port: {port}
{targets}
  client:
    role: endpoint
{addresses}
{gateways}
dvipas:
  - address: {dvipa}
    services:
      - name: web
        protocol: tcp
        ports: [{service}]

securityAssociations:
{inbound}
{outbound}"""

# The same cluster, and a client that negotiates.
NEGOTIATING = """\
cluster: demo
stateDirectory: {folder}/state
clusterKey: {folder}/link/cluster.key
link:
  credentials: {folder}/link
{coupling}
nodes:
  router1:
    role: router
    clientInterface: client0
    trustedInterface: trusted0
    trustedAddress: {router}
    port: {port}
{targets}

gateways: [{gateway}]

dvipas:
  - address: {dvipa}
    services:
      - name: web
        protocol: tcp
        ports: [{service}]

ike:
  connections:
    - name: client
      remote: {client}
      localID: gateway.example
      remoteID: client.example
      presharedKey: {secret}
      child:
        mode: tunnel
        local: [{dvipa}/32]
        remote: [{inner}/32]
        peerReplayWindow: {window}
"""

TARGET = """\
  {name}:
    role: target
    trustedAddress: {address}"""

ASSOCIATION = """\
  - name: {name}
    spi: {spi:#010x}
    direction: {direction}
    mode: {mode}
    source: {source}
    destination: {destination}
    algorithm: aes256gcm16
    key: "{key}"
    salt: "{salt}"
    replayWindow: {window}
    endpoint: client
    selectors:
      remote: [{remote}/32]
      local: [{local}/32]
      protocol: tcp
      localPorts: [{service}]
"""


COUPLING = "coupling: {{kind: etcd, endpoints: [{endpoints}]}}\n"


def negotiating(window, port, folder, secret, endpoints=()):
    """The YAML text for a client that speaks IKE; keys and certificates are those that `viaduct cluster init` makes.
    `endpoints`: etcd's, or none."""
    return NEGOTIATING.format(
        folder=folder, coupling=COUPLING.format(endpoints=", ".join(endpoints)) if endpoints else "",
        router=plan.ROUTER_TRUSTED, port=port, dvipa=plan.dvipa("tunnel"), service=plan.PORT,
        gateway=plan.GATEWAY, client=plan.CLIENT_OUTER, inner=plan.CLIENT_INNER, secret=secret, window=window,
        targets="\n".join(TARGET.format(name=t, address=plan.trusted_address(t)) for t in plan.TARGETS))


def configuration(mode, window, port, state):
    """The YAML text. `window` is the client's replay window, in packets; `port` how the router gets at its interfaces."""
    tunnel = mode == "tunnel"
    dvipa = plan.dvipa(mode)
    cluster = plan.GATEWAY if tunnel else dvipa

    def association(name, direction, source, destination, replay_window):
        return ASSOCIATION.format(
            name=name, direction=direction, source=source, destination=destination, window=replay_window,
            mode=mode, spi=0xC0000000 | secrets.randbits(24) | (direction == "outbound") << 24,
            key=secrets.token_hex(32), salt=secrets.token_hex(4),
            remote=plan.CLIENT_INNER if tunnel else plan.CLIENT_OUTER, local=dvipa, service=plan.PORT)

    return TEMPLATE.format(
        state=state, router=plan.ROUTER_TRUSTED, port=port, dvipa=dvipa, service=plan.PORT,
        targets="\n".join(TARGET.format(name=t, address=plan.trusted_address(t)) for t in plan.TARGETS),
        addresses="    addresses: [%s]\n" % plan.CLIENT_INNER if tunnel else "",
        gateways="gateways: [%s]\n" % plan.GATEWAY if tunnel else "",
        inbound=association("client-in", "inbound", plan.CLIENT_OUTER, cluster, 64),
        outbound=association("client-out", "outbound", cluster, plan.CLIENT_OUTER, window))

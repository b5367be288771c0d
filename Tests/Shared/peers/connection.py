"""What one end is told about itself and the other end. Every daemon's configuration is written from this."""
import dataclasses
import pathlib

IKE, ESP = "aes128gcm16-prfsha256-x25519", "aes128gcm16-x25519"


@dataclasses.dataclass(frozen=True)
class SharedKey:
    secret: str = "correct horse battery staple"


@dataclasses.dataclass(frozen=True)
class Certificates:
    """PEM files. `own` begins with the end's certificate; what follows are intermediate authorities to send along."""
    own: tuple[pathlib.Path, ...]
    key: pathlib.Path
    trusted: tuple[pathlib.Path, ...]
    revoked: tuple[pathlib.Path, ...] = ()


@dataclasses.dataclass(frozen=True)
class End:
    """`addresses` empty: any. `selectors` empty: the end's own address, as transport mode wants it."""
    identity: str
    addresses: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    authentication: SharedKey | Certificates = SharedKey()


@dataclasses.dataclass(frozen=True)
class Connection:
    """One connection as `local` sees it. Times in seconds; 0: never."""
    name: str
    local: End
    remote: End
    ike: tuple[str, ...] = (IKE,)
    esp: tuple[str, ...] = (ESP,)
    mode: str = "tunnel"
    encapsulate: bool = False           # ESP in UDP even without a NAT
    ike_rekey_seconds: int = 0
    reauthenticate_seconds: int = 0
    child_rekey_seconds: int = 0
    child_rekey_bytes: int = 0
    child_rekey_packets: int = 0
    dpd_seconds: int = 0
    dpd_action: str = "clear"           # or restart
    mobike: bool = True
    childless: bool = False
    fragmentation: bool = True
    start: str = ""                     # start, trap, or nothing: when it is told to
    check_revocation: bool = False
    per_target: bool = False            # our side asks for a Child SA for each target besides

    def of_other_end(self, **changes):
        """The same connection as `remote` sees it, without the lifetimes: those are each end's own business."""
        plain = dict(ike_rekey_seconds=0, reauthenticate_seconds=0, child_rekey_seconds=0, child_rekey_bytes=0,
                     child_rekey_packets=0, dpd_seconds=0, dpd_action="clear", start="", check_revocation=False)
        return dataclasses.replace(self, local=self.remote, remote=self.local, **{**plain, **changes})

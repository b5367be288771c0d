"""What an end says about its SAs, in one form for all daemons."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Child:
    """SPIs are hexadecimal; `spi_in` is this end's own."""
    name: str
    spi_in: str
    spi_out: str
    bytes_in: int = 0
    bytes_out: int = 0
    packets_in: int = 0
    packets_out: int = 0
    mode: str = "tunnel"
    encapsulated: bool = False
    algorithms: str = ""


@dataclasses.dataclass(frozen=True)
class IKE:
    """SPIs are hexadecimal; `peer` is "address:port"."""
    name: str
    spi_initiator: str
    spi_responder: str
    initiator: bool
    established: bool
    peer: str = ""
    algorithms: str = ""
    children: tuple[Child, ...] = ()

    @property
    def spis(self):
        return self.spi_initiator, self.spi_responder

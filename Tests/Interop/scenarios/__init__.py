"""What is shown with real peers: a function each, by name."""
from scenarios import certificates, moving, opening, rekeying, shimmed

ALL = {**opening.SCENARIOS, **certificates.SCENARIOS, **rekeying.SCENARIOS, **moving.SCENARIOS,
       **shimmed.SCENARIOS}

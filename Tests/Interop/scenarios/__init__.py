"""What is shown with real peers: a function each, by name."""
from scenarios import certificates, faults, moving, opening, rekeying, shimmed

ALL = {**opening.SCENARIOS, **certificates.SCENARIOS, **rekeying.SCENARIOS, **moving.SCENARIOS,
       **shimmed.SCENARIOS, **faults.SCENARIOS}

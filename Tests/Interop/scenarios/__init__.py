"""What is shown with real peers: a function each, by name."""
from scenarios import opening, rekeying

ALL = {**opening.SCENARIOS, **rekeying.SCENARIOS}

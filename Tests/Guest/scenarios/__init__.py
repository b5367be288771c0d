"""What is tried, by name."""
from scenarios import peer

ALL = {**peer.SCENARIOS}

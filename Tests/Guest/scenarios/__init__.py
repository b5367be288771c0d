"""What is tried, by name."""
from scenarios import delivery, peer

ALL = {**peer.SCENARIOS, **delivery.SCENARIOS}

"""What is shown of a cluster: a function each, by name."""
from scenarios import coordinator, link, steering, whole

ALL = {**whole.SCENARIOS, **link.SCENARIOS, **steering.SCENARIOS, **coordinator.SCENARIOS}

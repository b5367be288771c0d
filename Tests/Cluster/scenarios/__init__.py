"""What is shown of a cluster: a function each, by name."""
from scenarios import coordinator, link, relaying, steering, whole

ALL = {**whole.SCENARIOS, **link.SCENARIOS, **steering.SCENARIOS, **relaying.SCENARIOS, **coordinator.SCENARIOS}

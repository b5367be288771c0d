"""What is shown of a cluster: a function each, by name."""
from scenarios import coordinator, datagrams, link, relaying, steering, whole

ALL = {**whole.SCENARIOS, **link.SCENARIOS, **steering.SCENARIOS, **relaying.SCENARIOS, **datagrams.SCENARIOS, **coordinator.SCENARIOS}

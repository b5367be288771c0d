"""The demonstration: a cluster of one router and three targets, and its client, in network namespaces of one machine.

    plan           names, addresses and routes
    configuration  the cluster's YAML, with keys of its own every time
    families       the same addresses in IPv6, where a run asks for it
    network        namespaces, links, switches; and their removal
    process        children that die with us
    node           one `viaduct run`
    cluster        all of it, started and stopped
    server, client what runs over it: every transfer's hash is known to both ends
    content        the bytes of a transfer
    wire           what really crossed the client's links
    scenario       one run, from start to stop, and what came of it
    judgement      what was wrong with a run
    progress       the run while it goes on
    report         the run when it is over

Standard library only. `scripts/demo` is for people, `Tests/Namespaces/run.py` is the test.
"""

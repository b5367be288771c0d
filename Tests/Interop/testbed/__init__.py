"""Where the tests with real peers happen: the network and what travels over it.

    plan      names, addresses and routes
    network   the namespaces and their links
    internet  what crosses it, counted by the kernel; cutting it
    traffic   TCP with hashes, and pings, while something else happens
    servers   the targets' web servers
"""

"""Where the guest's tests happen.

    plan      names, addresses and routes
    network   the namespaces, the guest among them
    linux     an SA, as the kernel is told of it and as our configuration has it
"""

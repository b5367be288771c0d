"""Thousands of TCP connections that stay: the client's program, the targets', and how a scenario speaks to them.

    protocol  what goes over a connection
    client    python3 client.py: keeps the connections, checks every byte, says what happened
    server    python3 server.py: one on each target
    crowd     the client's program as a scenario sees it
"""

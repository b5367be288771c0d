"""The cluster under test.

    configuration  its file
    member         a router or a target, with the times of what it says
    cluster        all of them, and the targets' servers
    strangers      who speaks to a cluster and has no right to
"""

"""IKEv2 daemons that others wrote, each in a namespace, with its files in a folder of the run.

    connection  what an end is told about itself and the other
    association what an end says about an IKE SA and its Child SAs
    daemon      starting and stopping one, by its process
    strongswan  charon, with its userland ESP or with the shim
    vici        strongSwan's control protocol
    libreswan   pluto, with the shim
    openiked    iked, with the shim
    shim        the kernel's half of IPsec in user space, for raw ESP and transport mode
    pki         authorities, certificates, revocations
"""

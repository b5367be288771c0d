"""A machine of its own, with Debian's kernel, under an emulator that needs nothing of the host but time.

    kernel      the kernel and its modules, downloaded and unpacked, not installed
    initramfs   its file system, in memory: programs with their libraries, Python modules, kernel modules
    guest       the machine: booted, told what to do over a serial line, switched off
    agent       what runs inside it and does what it is told
"""

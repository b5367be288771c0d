"""Child processes that die with us, and commands that say why they failed."""
import ctypes
import signal
import subprocess


class Trouble(Exception):
    """What went wrong, for a person to read."""


PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def die_with_parent():
    # In the child, before it becomes the program. A run that is killed leaves nobody behind.
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(command, **arguments):
    """Starts a child in a session of its own: a Ctrl-C at the terminal reaches us, and we stop the children in order."""
    return subprocess.Popen(list(map(str, command)), start_new_session=True, preexec_fn=die_with_parent, **arguments)


def run(command, input=None):
    """A command that must succeed; what it printed."""
    done = subprocess.run(list(map(str, command)), input=input, capture_output=True, text=True)
    if done.returncode != 0:
        raise Trouble("%s: %s" % (" ".join(map(str, command)), done.stderr.strip() or "ended with %d" % done.returncode))
    return done.stdout


def stop(process, seconds):
    """Asks with SIGTERM, then insists. True when asking was enough."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(seconds)
        return True
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return False

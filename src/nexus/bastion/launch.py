"""Becomes the shell: run as a script in a new session, with the terminal as its standard input. Imports nothing of ours.

`python -I -S launch.py terminal|pipe PROGRAM ARGUMENT…`. Between two processes, because what is set here must be set after
the fork and before the shell, and a process with threads must not run Python in between.
"""

import ctypes
import fcntl
import os
import resource
import signal
import sys
import termios

OPEN_FILES = 4_096
PROCESSES = 4_096
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Take the terminal, set the limits, and become the program."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # the bastion dies: so does its shell
    if sys.argv[1] == "terminal":
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_NPROC, PROCESSES)
    os.umask(0o077)
    for number in (signal.SIGINT, signal.SIGPIPE, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - no shell wanted: this is how one becomes it
    except OSError as error:
        os.write(2, f"{sys.argv[2]}: {error.strerror}\n".encode())
        os._exit(127)


def _limit(kind: int, wanted: int) -> None:
    """Lower a limit; never raise one."""
    _, hard = resource.getrlimit(kind)
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(kind, (value, value))


if __name__ == "__main__":
    main()

"""The fork server's own work: import, freeze, fork on request."""

import errno
import gc
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import apsw

from nexus.app import prctl
from nexus.app.forking import wire
from nexus.app.forking.title import TitlePlace, title_place
from nexus.app.forking.warming import warm
from nexus.app.forking.wire import Request

_STDIN, _STDOUT, _STDERR = 0, 1, 2
_THREADS: Final = Path("/proc/self/task")
_NUMBER_BYTES: Final = 4


def serve(names: Sequence[str], load: Callable[[str], object], title: Callable[[str], str]) -> str | None:
    """Fork until the supervisor is gone; then None. In each process that was forked: its name.

    `load` imports what a process of this name runs, `title` is what the list of processes shows of it. The socket to the supervisor is
    standard input. Raises RuntimeError if an import has started a thread: what it holds at a fork is held for ever in the child.
    """
    os.dup2(_STDERR, _STDOUT)  # whatever a library prints belongs into the journal
    prctl.set_readable(False)  # whoever reads the layout of this memory knows that of every process forked from it
    control = socket.socket(fileno=_STDIN)
    place = title_place()
    _import_all(names, load)
    try:
        control.send(wire.READY)
        while (request := wire.receive_request(control)) is not None:
            if _answer(control, request):
                _become(request, control, place, title(request.name))
                return request.name
    except ConnectionError:
        pass  # the supervisor was killed
    control.detach()
    return None


def _import_all(names: Sequence[str], load: Callable[[str], object]) -> None:
    """Objects made here stay where they are in every child: its collector of cycles must not write into their pages."""
    gc.disable()
    for name in names:
        load(name)
    warm()
    gc.freeze()
    if _THREADS.is_dir() and len(list(_THREADS.iterdir())) > 1:
        raise RuntimeError("an import has started a thread: nothing can be forked safely")


def _answer(control: socket.socket, request: Request) -> bool:
    """Fork, and say whom; True in the new process."""
    try:
        pid = _fork_away()
    except OSError:
        pid = -1
    if pid == 0:
        return True
    for descriptor in request.descriptors:
        os.close(descriptor)
    control.send(wire.pack_number(max(pid, 0)))
    return False


def _fork_away() -> int:
    """Fork a process whose parent ends at once, so that the kernel gives it to the supervisor; 0 in it. Raises OSError."""
    near, far = os.pipe()
    between = os.fork()
    if between == 0:
        try:
            pid = os.fork()
        except OSError:
            os._exit(1)
        if pid:
            os.write(far, pid.to_bytes(_NUMBER_BYTES, "big"))
            os._exit(0)
        os.close(near)
        os.close(far)
        return 0
    os.close(far)
    said = os.read(near, _NUMBER_BYTES)
    os.close(near)
    os.waitpid(between, 0)  # from here on the new process is the supervisor's
    if not said:
        raise OSError(errno.EAGAIN, "no further process")
    return int.from_bytes(said, "big")


def _become(request: Request, control: socket.socket, place: TitlePlace | None, title: str) -> None:
    """Be in every respect what exec would have made of this process."""
    os.setsid()  # a Ctrl-C in the terminal reaches the supervisor alone
    control.detach()  # it is standard input, which is replaced here
    given = request.descriptors[:2]
    for descriptor, standard in zip(given, (_STDIN, _STDOUT), strict=True):
        os.dup2(descriptor, standard)
        os.close(descriptor)
    prctl.set_readable(True)  # until it is ready: its TLS library reads a certificate through /proc/self
    sys.argv = [sys.argv[0], request.name]
    if place is not None:
        place.write(title)
    apsw.randomness(0)  # SQLite alone does not notice a fork before it opens a file: what it draws would repeat
    gc.enable()

"""Leaving nothing of a session behind: its processes are found by its Unix session, its children, and its mark.

The mark is a variable in the environment that every process of a session inherits. A process that has shed all three (a
new Unix session, another parent, an emptied environment) is an orphan by then: the bastion takes orphans in, and ends them
with the next session that ends.
"""

import asyncio
import ctypes
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

MARK: Final = "NEXUS_BASTION_SESSION"
GRACE_S: Final = 0.3
"""Between the hang-up, on which editors save what they have, and the end."""
ROUNDS: Final = 20
"""A session that makes processes faster than they are ended is asked again this many times."""
_PAUSE_S: Final = 0.02
_PR_SET_CHILD_SUBREAPER: Final = 36


class _Found(NamedTuple):
    """A process: its number, its state, its parent's number, and its Unix session's."""

    pid: int
    state: str
    parent: int
    session: int


class Reaper:
    """Ends sessions. `adopting`: orphans become children of this process, which has no children but sessions."""

    def __init__(self, *, adopting: bool) -> None:
        self._adopting = adopting
        self._leaders: set[int] = set()
        if adopting:
            ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def begin(self, leader: int) -> None:
        """A session has begun: its leader is spared when another session ends."""
        self._leaders.add(leader)

    async def end_session(self, leader: int, session_id: str) -> None:
        """End every process of a session; returns once none is left that may be ended."""
        self._leaders.discard(leader)
        if _send(await asyncio.to_thread(self._members, leader, session_id), signal.SIGHUP):
            await asyncio.sleep(GRACE_S)
        for _ in range(ROUNDS):
            if not _send(await asyncio.to_thread(self._members, leader, session_id), signal.SIGKILL):
                return
            await asyncio.sleep(_PAUSE_S)

    def end_marked(self, session_id: str) -> None:
        """End what still bears the mark of a session: the bastion died, and its sessions with it."""
        _send([found.pid for found in _processes() if _mark(found.pid) == session_id], signal.SIGKILL)

    def _members(self, leader: int, session_id: str) -> list[int]:
        """Live processes of a session, and orphans that belong to no session that goes on."""
        everybody = {found.pid: found for found in _processes()}
        me, my_session = os.getpid(), os.getsid(0)
        members = []
        for pid, found in everybody.items():
            if pid == me:
                continue
            orphan = self._adopting and found.parent == me and found.session != my_session and pid not in self._leaders
            if orphan and pid != leader and found.state == "Z":
                _bury(pid)
                continue
            mark = _mark(pid)
            own = found.session == leader or leader in _line(pid, everybody) or mark == session_id
            if own or (orphan and mark is None):
                members.append(pid)
        return [pid for pid in members if everybody[pid].state != "Z"]


def _line(pid: int, everybody: dict[int, _Found]) -> list[int]:
    """A process and those that it descends from."""
    line: list[int] = []
    while pid in everybody and pid not in line:
        line.append(pid)
        pid = everybody[pid].parent
    return line


def _processes() -> Iterable[_Found]:
    """Every process that /proc shows."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError, ValueError):
                text = (folder / "stat").read_text("ascii", "replace").rpartition(")")[2]
                state, parent, _, session, *_ = text.split()
                yield _Found(int(folder.name), state, int(parent), int(session))


def _mark(pid: int) -> str | None:
    """The mark that a process bears, if it has one and its environment can be read."""
    with suppress(OSError):
        for pair in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            name, _, value = pair.partition(b"=")
            if name == MARK.encode():
                return value.decode("ascii", "replace")
    return None


def _bury(pid: int) -> None:
    """Take note of the end of an orphan that nobody else waits for."""
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _send(pids: Iterable[int], number: signal.Signals) -> int:
    """How many were there to be told. One that may not be signalled (another account's) is not waited for."""
    told = 0
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            told += 1
            if number is signal.SIGHUP:
                os.kill(pid, signal.SIGCONT)  # a stopped process hears nothing else
    return told

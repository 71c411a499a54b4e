"""How a place of blobs is at this moment: asked of the place itself, never remembered, and for a bounded time.

A disk is asked for what a write asks of it: room for a block, and that the block becomes durable. The block has no name
(O_TMPFILE), so that nothing is left of it. A disk that hangs holds one thread, however often it is asked about; whoever asks
has his answer after `PATIENCE_S`.
"""

import enum
import errno
import os
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Final

from msgspec import Struct

PATIENCE_S: Final = 2.0
"""How long all places together may take to answer."""
LEAST_FREE_BYTES: Final = 16 << 20
"""With less room than this a place counts as full."""
_BLOCK: Final = 4_096
_NO_TMPFILE: Final = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT)
"""What file systems say that have no files without a name: then their rights are all that can be asked."""


class Condition(enum.StrEnum):
    """How a place is."""

    REACHABLE = "reachable"
    FULL = "disk-full"
    READ_ONLY = "read-only"
    FAILING = "failing"
    """It is there, and does not do what it is asked: rights, a disk with errors, a store that knows our key no more."""
    AWAY = "away"
    """Its directory, or the mark in it, is not there; the store elsewhere cannot be reached."""
    FOREIGN = "foreign"
    """It bears the mark of another platform."""
    SILENT = "silent"
    """It did not answer in time."""


class Seen(Struct, frozen=True):
    """What was seen of a place."""

    condition: Condition
    free_bytes: int | None = None
    """That may be written yet; None where it cannot be told."""
    total_bytes: int | None = None
    disk: str = ""
    """Where its file system is mounted; empty for a store elsewhere."""


def seen_on_disk(folder: Path) -> Seen:
    """Write a block to a directory and wait until it is durable."""
    try:
        room = shutil.disk_usage(folder)
        _write_block(folder)
    except OSError as error:
        return Seen(condition_of(error))
    condition = Condition.REACHABLE if room.free >= LEAST_FREE_BYTES else Condition.FULL
    return Seen(condition, room.free, room.total, _mounted_at(folder))


def condition_of(error: OSError) -> Condition:
    """What an error of a disk says of the place."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENODEV, errno.ENXIO):
        return Condition.AWAY
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Condition.FULL
    return Condition.READ_ONLY if error.errno == errno.EROFS else Condition.FAILING


def _write_block(folder: Path) -> None:
    try:
        file = os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in _NO_TMPFILE:
            raise
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from error
        return
    try:
        os.write(file, bytes(_BLOCK))
        os.fdatasync(file)
    finally:
        os.close(file)


def _mounted_at(folder: Path) -> str:
    return next((str(each) for each in (folder, *folder.parents) if each.is_mount()), "")


class Looking:
    """Looks at several places at once. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[Seen]] = {}

    def now(self, looks: Mapping[str, Callable[[], Seen]]) -> Mapping[str, Seen]:
        """Name of a place -> how it is. `looks`: what tells it, and may hang. Waits `PATIENCE_S` at most."""
        with self._lock:
            asked = {place: self._ask(place, look) for place, look in looks.items()}
        wait(asked.values(), PATIENCE_S)
        return {place: asked[place].result() if asked[place].done() else Seen(Condition.SILENT) for place in asked}

    def _ask(self, place: str, look: Callable[[], Seen]) -> Future[Seen]:
        hanging = self._under_way.get(place)
        if hanging is not None and not hanging.done():
            return hanging
        answer = self._under_way[place] = Future[Seen]()
        # No pool: its threads would be waited for at the end of the process.
        threading.Thread(target=_answer, args=(answer, look), name="look at a place", daemon=True).start()
        return answer


def _answer(answer: Future[Seen], look: Callable[[], Seen]) -> None:
    try:
        answer.set_result(look())
    except BaseException as error:
        answer.set_exception(error)

"""Blobs on several disks or in several zones: each on all of them.

- **Written** to all places at once, one thread for each. The write is acknowledged once `least` of them have it durably; a
  place that fails or does not answer in time is left out, and set aside for a while. With fewer than `least`: Unavailable,
  and nothing was written.
- **Read** from the first place that has it, in the order of the settings; where it is missing, does not answer or does not
  open, from the next one, and last from places that failed a moment ago. Whoever notices a bad copy says so (`notice`), and it is mended while the reader reads on.
- **Known by a mark.** A disk that is not mounted is an empty directory: writing into it would fill the wrong disk and say that
  there are two copies. A place counts only while the file `place.json` in it says that it is this platform's.

A blob that was removed while a place was away is found there by the sweep later, and removed: ids are never used again.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from nexus.kernel.errors import Conflict, Damaged, NexusError, Unavailable
from nexus.objects.blobs.disk import DISK_THREADS, FileReader, FileWriter, missing
from nexus.objects.blobs.looking import Seen
from nexus.objects.blobs.place import Place
from nexus.objects.blobs.port import Copy, Expected, Found, State
from nexus.objects.errors import PLACE_FOREIGN, TOO_FEW_COPIES

PATIENCE_S: Final = 20.0
"""How long a disk may take for one write or sync before it is left out."""

T = TypeVar("T")
Noticed = Callable[[str], None]
"""Told the id of a blob that has a bad copy, from any thread. Never waits."""

logger = logging.getLogger(__name__)


def copies_needed(places: int, least: int) -> int:
    """Copies that make a write count; `least` 0: all but one, of two both."""
    return least or max(min(2, places), places - 1)


class CopyWriter:
    """A blob on its way to several places. The bytes are staged once more for each of them but the first."""

    def __init__(self, blobs: "Copies", blob_id: str, *, room: int) -> None:
        """Begins it wherever it can be. Raises Unavailable if that is in too few places."""
        self.id = blob_id
        self._blobs = blobs
        self._writers: dict[Place, FileWriter] = {}
        begun = {place: place.threads.submit(place.create, blob_id, room) for place in blobs.all}
        self._writers = self._settle(begun)
        for place in begun.keys() - self._writers.keys():
            begun[place].add_done_callback(partial(_abort_late, place))
        self._require()

    def room(self, length: int) -> memoryview:
        """Room in the first copy; `filled` brings it to the others."""
        return next(iter(self._writers.values())).room(length)

    def filled(self, length: int) -> None:
        """Append to each copy. Raises Unavailable once too few are left."""
        source = self.room(length)
        first, *others = self._writers.items()
        for _, writer in others:
            writer.room(length)[:] = source
        self._each({place: partial(writer.filled, length) for place, writer in (first, *others)})

    def finish(self) -> bytes:
        """Make each copy durable, at the same time."""
        done = self._each({place: writer.finish for place, writer in self._writers.items()})
        if len(done) < len(self._blobs.all):
            self._blobs.notice(self.id)
        return next(iter(done.values()))

    def release(self) -> None:
        """Let go of every copy."""
        for writer in self._writers.values():
            writer.release()

    def abort(self) -> None:
        """Remove every copy."""
        for place, writer in self._writers.items():
            place.threads.submit(writer.abort)

    def _each(self, works: dict[Place, Callable[[], T]]) -> dict[Place, T]:
        futures = {place: place.threads.submit(work) for place, work in works.items()}
        done = self._settle(futures)
        for place in [place for place in self._writers if place not in done]:
            _abort_after(place, futures[place], self._writers.pop(place))
        self._require()
        return done

    def _settle(self, futures: dict[Place, Future[T]]) -> dict[Place, T]:
        """What each place made, without those that failed or took too long."""
        done: dict[Place, T] = {}
        deadline = time.monotonic() + PATIENCE_S
        for place, future in futures.items():
            try:
                done[place] = future.result(max(0.0, deadline - time.monotonic()))
            except (NexusError, TooLate, OSError) as error:
                self._blobs.last_error = error if isinstance(error, Unavailable) else self._blobs.last_error
                place.set_aside(error)
        return done

    def _require(self) -> None:
        if len(self._writers) < self._blobs.least:
            self.abort()
            raise self._blobs.too_few(len(self._writers))


def _abort_after(place: Place, working: Future[T], writer: FileWriter) -> None:
    """Once whatever hangs has ended: a thread that is still writing must not find its file closed, and another's in its place."""
    working.add_done_callback(lambda _: place.threads.submit(writer.abort))


def _abort_late(place: Place, begun: Future[FileWriter]) -> None:
    """What came too late is wanted no more."""
    if begun.exception() is None:
        place.threads.submit(begun.result().abort)


class CopyReader:
    """Reads from one copy, and goes on with the next one where that fails."""

    def __init__(self, blobs: "Copies", blob_id: str) -> None:
        """Raises Damaged if no place has it, Unavailable if one that is away might."""
        self._blobs = blobs
        self._id = blob_id
        self._left = sorted(blobs.all, key=lambda place: place.is_set_aside)  # those that failed a moment ago come last
        self._away = False
        self._open()

    @property
    def size(self) -> int:
        """Of the copy that is read."""
        return self._file.size

    def read(self, offset: int, length: int) -> bytes:
        """From whichever copy can be read."""
        while True:
            try:
                return self._file.read(offset, length)
            except Unavailable:
                if not self.elsewhere():
                    raise

    def at_hand(self, offset: int, into: memoryview) -> bool:
        """From the copy that is read."""
        return self._file.at_hand(offset, into)

    def elsewhere(self) -> bool:
        """Go on with the next place that has it."""
        self._blobs.notice(self._id)
        former = self._file
        try:
            self._open()
        except NexusError:
            return False
        former.close()
        return True

    def close(self) -> None:
        """Give the descriptor back."""
        self._file.close()

    def _open(self) -> None:
        while self._left:
            place = self._left.pop(0)
            try:
                self._file: FileReader = place.disk_anyway.reader(self._id)
            except Unavailable:
                self._away = True
            except Damaged:
                self._blobs.notice(self._id)
            else:
                return
        if self._away:
            raise Unavailable(
                "the disk that has the content of an object is away",
                code=TOO_FEW_COPIES,
                hint="mount it; `nexus doctor` says which",
            )
        raise missing()


class Copies:
    """Several places as one engine."""

    def __init__(
        self, folders: Sequence[Path], owner: str, *, least: int = 0, home: Path | None = None, new: bool = False
    ) -> None:
        """`owner`: id of the platform. `least`: copies that make a write count; 0: all but one, of two both.

        `home`: the directory of blobs inside the platform's own, which is its place without being asked. `new`: the store is
        empty, so that empty folders become its places. Raises Conflict and Unavailable.
        """
        self.all = tuple(Place(folder, owner) for folder in folders)
        self.least = copies_needed(len(self.all), least)
        self.threads = ThreadPoolExecutor(DISK_THREADS, thread_name_prefix="blobs")
        self._notice: Noticed = lambda _: None
        self.last_error: Unavailable | None = None
        for place in self.all:
            if not place.is_marked() and (new or place.folder == home):
                place.mark(is_home=place.folder == home)
            if not place.is_marked():
                logger.warning("the place %s is away, or was never added (`nexus objects add-place`)", place.folder)

    @property
    def places(self) -> Sequence[str]:
        """Their directories."""
        return [place.name for place in self.all]

    def look(self, place: str) -> Seen:
        """One directory."""
        return next(each for each in self.all if each.name == place).look()

    def on_bad_copy(self, notice: Noticed) -> None:
        """Whoever can mend."""
        self._notice = notice

    def notice(self, blob_id: str) -> None:
        """A copy of it is missing or bad."""
        self._notice(blob_id)

    def too_few(self, there: int) -> Unavailable:
        """Too few places took a write; says what the last one that refused said."""
        error = self.last_error
        return Unavailable(
            f"{there} of {len(self.all)} disks of the blobs can be written to, and {self.least} are needed",
            code=error.code if error is not None and error.code != TOO_FEW_COPIES else TOO_FEW_COPIES,
            hint=(error.hint if error is not None else "") or "look for disk errors; reads go on",
        )

    def create(self, blob_id: str, *, room: int) -> CopyWriter:
        """Begin a blob."""
        return CopyWriter(self, blob_id, room=room)

    def reader(self, blob_id: str) -> CopyReader:
        """Open a blob."""
        return CopyReader(self, blob_id)

    def discard(self, blob_ids: Iterable[str]) -> None:
        """Remove blobs soon, in the background."""
        ids = list(blob_ids)
        for place in self.all if ids else ():
            place.threads.submit(self._remove, place, ids)

    def remove(self, blob_ids: Iterable[str]) -> None:
        """Remove every copy that can be reached."""
        ids = list(blob_ids)
        for place in self.all:
            self._remove(place, ids)

    def _remove(self, place: Place, ids: Sequence[str]) -> None:
        with suppress(Unavailable):
            place.disk.remove(ids)

    def older_than(self, seconds: int) -> Iterator[Sequence[Found]]:
        """Of each place that is there."""
        for place in self.all:
            with suppress(Unavailable):
                yield from place.disk.older_than(seconds)

    def remove_abandoned(self, found: Found, is_unknown: Callable[[], bool]) -> bool:
        """In its own place."""
        at = Path(found.place)
        place = next(place for place in self.all if at.is_relative_to(place.folder))
        return place.disk.remove_abandoned(found, is_unknown)

    def examine(self, expected: Expected, *, read: bool) -> Sequence[Copy]:
        """Each copy."""
        return [Copy(str(place.folder), self._state(place, expected, read=read)) for place in self.all]

    def _state(self, place: Place, expected: Expected, *, read: bool) -> State:
        try:
            return place.disk.state(expected, read=read)
        except Unavailable:
            return State.AWAY

    def mend(self, expected: Expected) -> int:
        """Copy a good copy over each that is missing or damaged. Where none is good, nothing is touched."""
        states = {place: self._state(place, expected, read=True) for place in self.all}
        good = [place for place, state in states.items() if state is State.GOOD]
        bad = [place for place, state in states.items() if state in (State.MISSING, State.DAMAGED)]
        if not good:
            return 0
        for place in bad:
            source = good[0].disk.reader(expected.id)
            try:
                place.disk.copy_in(expected, source)
            finally:
                source.close()
        return len(bad)

    def add(self, folder: Path) -> None:
        """Mark a new, empty place that the settings name; the scrubber fills it. Raises Conflict, NotFound, Unavailable."""
        place = next((place for place in self.all if place.folder == folder), None)
        if place is None:
            raise Conflict(
                f"{folder} is not among the settings' places", code=PLACE_FOREIGN, hint="add it to blob_folders"
            )
        if not place.is_marked():
            place.mark()

    def close(self) -> None:
        """Wait for the disk threads; those that hang are left."""
        self.threads.shutdown(wait=True)
        for place in self.all:
            place.close()

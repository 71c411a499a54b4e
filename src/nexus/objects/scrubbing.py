"""Looks after blobs that nobody reads: each copy is compared with what was written, and mended from a good one.

A disk that loses bits says nothing until somebody reads them, perhaps years later, when the other copy is gone too. So the
worker walks over all blobs: often, to see that each copy is there (`quick`); slowly, reading every byte (`full`). A reader who
meets a bad copy has it mended at once.

What cannot be mended because no good copy is left is lost: an entry in the log and an error in the journal name its version.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.errors import NexusError
from nexus.kernel.operation import PLATFORM, Operation
from nexus.objects.blobs.port import BlobStore, Copy, State
from nexus.objects.store import inspection
from nexus.objects.store.inspection import KnownBlob

SCRUB: Final = "objects.store.scrub"
MEND: Final = "objects.store.mend"
LOST: Final = "objects.store.lost"
BATCH: Final = 64
"""Blobs examined at once, in one step."""
NOTICES: Final = 10_000
"""Blobs with a bad copy that are remembered; more of them are the scrubber's."""

_log = logging.getLogger("nexus.objects.scrubbing")


class PlaceCount(Struct, frozen=True):
    """Copies of one place, as a walk found and left them."""

    good: int = 0
    missing: int = 0
    """Not there, or damaged, and not written anew."""
    away: int = 0
    """Of which nothing could be said: the place did not answer."""


class Round(Struct, frozen=True, kw_only=True):
    """One walk over all blobs, as far as it is. Times in microseconds since 1970; `finished_at` 0: not yet."""

    full: bool
    """Whether every byte is read, or only asked whether each copy is there and of the right length."""
    started_at: int
    finished_at: int = 0
    cursor: str = ""
    """Id of the last blob that was examined."""
    blobs: int = 0
    bytes: int = 0
    """Sealed bytes that were read."""
    mended: int = 0
    """Copies written anew."""
    lost: int = 0
    """Blobs without a good copy."""
    away: int = 0
    """Copies in places that did not answer."""
    places: dict[str, PlaceCount] = {}
    """The same for each place, by its name."""

    @property
    def is_real(self) -> bool:
        """Whether it looked at anything, or only notes when the first walk is counted from."""
        return self.finished_at > self.started_at or self.blobs > 0


class Verdict(Struct, frozen=True):
    """What became of one blob."""

    blob: KnownBlob
    copies: Sequence[Copy]
    mended: int = 0

    @property
    def is_lost(self) -> bool:
        """No place has a good copy, and none that might is away."""
        states = {copy.state for copy in self.copies}
        return not states & {State.GOOD, State.AWAY}

    @property
    def is_away(self) -> bool:
        """No place answers: nothing can be said of it."""
        return all(copy.state is State.AWAY for copy in self.copies)

    @property
    def away(self) -> int:
        return sum(copy.state is State.AWAY for copy in self.copies)


class Scrubbing:
    """Stories of the scrubber."""

    def __init__(self, database: Database, blobs: BlobStore, clock: Clock) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._noticed: set[str] = set()
        self._lock = threading.Lock()
        blobs.on_bad_copy(self._notice)

    async def go_on(self, op: Operation, walk: Round, *, read_bytes: int) -> Round:
        """Examine the next blobs of a walk: a batch, or fewer once `read_bytes` were read.

        What was lost is recorded at once; the end of a full walk, and of any that mended or lost something, too.
        """
        verdicts = await asyncio.to_thread(self.examine, walk.cursor, read=walk.full, read_bytes=read_bytes)
        for verdict in verdicts:
            if verdict.is_lost:
                await self._tell_loss(op, verdict.blob)
        walk = _further(walk, verdicts)
        if verdicts:
            return walk
        done = replace(walk, finished_at=self._clock.now())
        if done.full or done.mended or done.lost:
            details = {
                "blobs": done.blobs,
                "bytes": done.bytes,
                "mended": done.mended,
                "lost": done.lost,
                "full": done.full,
            }
            await self._database.record(op.allowed(SCRUB, PLATFORM, **details))
        return done

    def examine(
        self, after: str, *, read: bool, read_bytes: int, mend: bool = True, most: int = BATCH
    ) -> Sequence[Verdict]:
        """The next blobs in the order of their ids, `most` of them. Waits for the threads of the engine: not to be run on them."""
        with self._database.read() as tx:
            batch = inspection.after(tx, after, most)
        taken: list[KnownBlob] = []
        for blob in batch:
            taken.append(blob)
            read_bytes -= blob.expected.size if read else 0
            if read_bytes <= 0:
                break
        futures = [self._blobs.threads.submit(self._examine, blob, read=read, mend=mend) for blob in taken]
        wait(futures)
        return [future.result() for future in futures]

    def _examine(self, blob: KnownBlob, *, read: bool, mend: bool) -> Verdict:
        copies = self._blobs.examine(blob.expected, read=read)
        if all(copy.state in (State.GOOD, State.AWAY) for copy in copies):
            return Verdict(blob, copies)
        with self._database.read() as tx:
            if inspection.find(tx, blob.expected.id) is None:  # it was deleted while we looked
                return Verdict(blob, [Copy(copy.place, State.GOOD) for copy in copies])
        return Verdict(blob, copies, self._mend(blob) if mend else 0)

    def _mend(self, blob: KnownBlob) -> int:
        try:
            mended = self._blobs.mend(blob.expected)
        except NexusError as error:
            _log.warning("a copy of %s could not be mended: %s", blob.expected.id, error)
            return 0
        if mended:
            _log.warning("%d bad copies of %s were written anew from a good one", mended, blob.expected.id)
        return mended

    # Noticed by readers and writers

    def _notice(self, blob_id: str) -> None:
        with self._lock:
            if blob_id in self._noticed or len(self._noticed) >= NOTICES:
                return
            self._noticed.add(blob_id)
        self._blobs.threads.submit(self._mend_noticed, blob_id)

    def _mend_noticed(self, blob_id: str) -> None:
        try:
            with self._database.read() as tx:
                blob = inspection.find(tx, blob_id)
            if blob is not None:
                self._mend(blob)
        except NexusError as error:
            _log.warning("a copy of %s is left for the scrubber: %s", blob_id, error)
        finally:
            with self._lock:
                self._noticed.discard(blob_id)

    async def _tell_loss(self, op: Operation, blob: KnownBlob) -> None:
        with self._database.read() as tx:
            bucket = inspection.bucket_of(tx, blob.owner)
        _log.error("no good copy is left of %s (version or upload %s)", blob.expected.id, blob.owner)
        await self._database.record(op.allowed(LOST, PLATFORM, blob=blob.expected.id, owner=blob.owner, bucket=bucket))


def _further(walk: Round, verdicts: Sequence[Verdict]) -> Round:
    if not verdicts:
        return walk
    return replace(
        walk,
        cursor=verdicts[-1].blob.expected.id,
        blobs=walk.blobs + len(verdicts),
        bytes=walk.bytes + (sum(verdict.blob.expected.size for verdict in verdicts) if walk.full else 0),
        mended=walk.mended + sum(verdict.mended for verdict in verdicts),
        lost=walk.lost + sum(verdict.is_lost for verdict in verdicts),
        away=walk.away + sum(verdict.away for verdict in verdicts),
        places=_counted(walk.places, verdicts),
    )


def _counted(before: Mapping[str, PlaceCount], verdicts: Sequence[Verdict]) -> dict[str, PlaceCount]:
    counts = dict(before)
    for verdict in verdicts:
        for copy in verdict.copies:
            count = counts.get(copy.place, PlaceCount())
            if copy.state is State.AWAY:
                count = replace(count, away=count.away + 1)
            elif copy.state is State.GOOD or verdict.mended:  # what mends a blob mends all of its bad copies
                count = replace(count, good=count.good + 1)
            else:
                count = replace(count, missing=count.missing + 1)
            counts[copy.place] = count
    return counts

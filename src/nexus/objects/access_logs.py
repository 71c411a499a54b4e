"""Access logs of buckets: lines that a door notes, written as objects into the bucket that the owner named.

The audit log is the evidence; these are for the tools that people have. As in S3 they are written some minutes later, may now and then
repeat a line (the worker died between writing an object and forgetting its lines: the object then has the same name), and
a line may be lost with the machine. The objects are sealed like any other, and each is an entry of the audit log.
"""

import hashlib
import logging
from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from typing import Final

import msgspec

from nexus.kernel.clock import DAY, Clock, Instant, rfc3339
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.errors import Denied, Invalid, NexusError, NotFound
from nexus.kernel.operation import Operation
from nexus.objects.buckets import Buckets
from nexus.objects.errors import QuotaExceeded
from nexus.objects.model import Bucket, Metadata
from nexus.objects.store import access_lines
from nexus.objects.store.access_lines import SIMPLE, Delivery, Line
from nexus.objects.writing import Writing

BATCH: Final = 10_000
"""Lines written in one round; an object holds as many at most."""
UNIQUE_CHARS: Final = 16
_PLAIN: Final = Metadata(headers={"content-type": "text/plain"})

_log = logging.getLogger("nexus.worker")


class AccessLogs:
    """Keeps lines, and writes them."""

    def __init__(self, database: Database, buckets: Buckets, writing: Writing, clock: Clock) -> None:
        self._database = database
        self._buckets = buckets
        self._writing = writing
        self._clock = clock

    def note(self, source: Bucket, target: str, prefix: str, text: str, delivery: Delivery = SIMPLE) -> None:
        """Keep a line; nobody waits for it. Of data of patients nothing is noted: the audit log alone tells of those."""
        if source.subjects is not None:
            return
        new = Line(0, source.name, target, prefix, self._clock.now(), text, delivery)
        self._database.bookkeep_later(Bookkeeping.ACCESS_LINE, lambda tx: access_lines.add(tx, new))

    async def write(self, op: Operation) -> bool:
        """Write what waits; returns whether there may be more. What cannot be written for good is dropped, and told."""
        with self._database.read() as tx:
            waiting = access_lines.waiting(tx, BATCH)
        waiting.sort(key=lambda line: (*_together(line), line.position))
        for _, lines in groupby(waiting, _together):
            await self._write(op, list(lines))
        return len(waiting) == BATCH

    async def _write(self, op: Operation, lines: Sequence[Line]) -> None:
        first = lines[0]
        shared = first.delivery.grants
        metadata = msgspec.structs.replace(_PLAIN, grants=shared) if shared else _PLAIN
        try:
            bucket = self._buckets.find(first.target)
            name = name_of(first.prefix, lines, written_at=self._clock.now())
            await self._writing.put(op, bucket, name, _body(lines), metadata=metadata)
        except (
            NotFound,
            Denied,
            Invalid,
            QuotaExceeded,
        ) as error:  # the target is gone, or takes no such object any more
            _log.warning("%d lines of an access log were dropped: %s", len(lines), error.code)
        except NexusError as error:
            _log.warning("an access log waits: %s", error.code)
            return
        written = [line.position for line in lines]
        await self._database.bookkeep(Bookkeeping.ACCESS_LINE, lambda tx: access_lines.forget(tx, written))


def name_of(prefix: str, lines: Sequence[Line], *, written_at: Instant) -> str:
    """The name of a log object, as in S3; the unique string is the same for the same lines.

    Simple: `<prefix>YYYY-mm-DD-HH-MM-SS-<unique>`, the time of the first line. Partitioned:
    `<prefix><site>/<region>/<bucket>/YYYY/mm/DD/YYYY-mm-DD-HH-MM-SS-<unique>`, of the day of its lines (at midnight), or of
    when it is written.
    """
    first = lines[0]
    positions = f"{first.source}\0{first.position}\0{lines[-1].position}"
    unique = hashlib.sha256(positions.encode()).hexdigest()[:UNIQUE_CHARS].upper()
    if not first.delivery.folder:
        return f"{prefix}{_stamp(first.at)}-{unique}"
    stamp = f"{_stamp(first.at)[:10]}-00-00-00" if first.delivery.by_event else _stamp(written_at)
    return f"{prefix}{first.delivery.folder}/{stamp[:10].replace('-', '/')}/{stamp}-{unique}"


def _together(line: Line) -> tuple[str, str, str, Instant, str]:
    """What lines of one log object have in common; those that are dated by what they tell of, the day too."""
    day = line.at // DAY if line.delivery.by_event else 0
    return line.target, line.prefix, line.source, Instant(day), msgspec.json.encode(line.delivery).decode()


def _stamp(at: Instant) -> str:
    return rfc3339(at)[:19].replace("T", "-").replace(":", "-")


async def _body(lines: Sequence[Line]) -> AsyncIterator[bytes]:
    yield "".join(f"{line.text}\n" for line in lines).encode("utf-8", "replace")

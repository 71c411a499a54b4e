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

from nexus.kernel.clock import Clock, Instant, rfc3339
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.errors import Denied, Invalid, NexusError, NotFound
from nexus.kernel.operation import Operation
from nexus.objects.buckets import Buckets
from nexus.objects.errors import QuotaExceeded
from nexus.objects.model import Bucket, Metadata
from nexus.objects.store import access_lines
from nexus.objects.store.access_lines import Line
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

    def note(self, source: Bucket, target: str, prefix: str, text: str) -> None:
        """Keep a line; nobody waits for it. Of data of patients nothing is noted: the audit log alone tells of those."""
        if source.subjects is not None:
            return
        new = Line(0, source.name, target, prefix, self._clock.now(), text)
        self._database.bookkeep_later(Bookkeeping.ACCESS_LINE, lambda tx: access_lines.add(tx, new))

    async def write(self, op: Operation) -> bool:
        """Write what waits; returns whether there may be more. What cannot be written for good is dropped, and told."""
        with self._database.read() as tx:
            waiting = access_lines.waiting(tx, BATCH)
        waiting.sort(key=lambda line: (line.target, line.prefix, line.source, line.position))
        for (target, prefix, _), lines in groupby(waiting, lambda line: (line.target, line.prefix, line.source)):
            await self._write(op, target, prefix, list(lines))
        return len(waiting) == BATCH

    async def _write(self, op: Operation, target: str, prefix: str, lines: Sequence[Line]) -> None:
        try:
            bucket = self._buckets.find(target)
            await self._writing.put(op, bucket, name_of(prefix, lines), _body(lines), metadata=_PLAIN)
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


def name_of(prefix: str, lines: Sequence[Line]) -> str:
    """`<prefix>YYYY-mm-DD-HH-MM-SS-UniqueString`, as in S3: the time of the first line, and the same string for the same lines."""
    positions = f"{lines[0].source}\0{lines[0].position}\0{lines[-1].position}"
    unique = hashlib.sha256(positions.encode()).hexdigest()[:UNIQUE_CHARS].upper()
    return f"{prefix}{_stamp(lines[0].at)}-{unique}"


def _stamp(at: Instant) -> str:
    return rfc3339(at)[:19].replace("T", "-").replace(":", "-")


async def _body(lines: Sequence[Line]) -> AsyncIterator[bytes]:
    yield "".join(f"{line.text}\n" for line in lines).encode("utf-8", "replace")

"""One examination of the whole object store, in numbered steps. It changes nothing, unless it is asked to mend.

1. Rows: what no write leaves behind, in one snapshot; sums that are not what is held (mended before, by `job.py`).
2. Blobs that rows know: each copy is there and of the right length or, if asked, byte for byte what was written. One blob is asked
   for first: where no place answers, that is said once, and no other is visited.
3. Blobs that no row knows: what a crash has left. They do no harm, and the sweep removes them.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from nexus.kernel.database import Database
from nexus.kernel.errors import Unavailable
from nexus.kernel.ids import is_id
from nexus.objects.blobs.port import BlobStore, State
from nexus.objects.scrubbing import BATCH as AT_ONCE
from nexus.objects.scrubbing import Scrubbing, Verdict
from nexus.objects.store import blobs as blob_rows
from nexus.objects.store import inspection
from nexus.objects.upkeep import ABANDONED_AFTER_S, BATCH

SHOWN: Final = 100
"""Problems that are named; the rest is counted."""
_UNLIMITED: Final = 1 << 62


class Problem(Struct, frozen=True, kw_only=True):
    """Something that is not as it should be."""

    what: str
    about: str
    """Id of a version, an upload or a blob."""
    bucket: str = ""
    place: str = ""


class Findings(Struct, kw_only=True):
    """How far an examination is, and what it has found."""

    what: str = "waiting"
    done: int = 0
    total: int = 0
    finished: bool = False
    blobs: int = 0
    bytes: int = 0
    """Sealed bytes that were read."""
    bad_rows: int = 0
    bad_copies: int = 0
    mended: int = 0
    lost: int = 0
    away: int = 0
    unknown: int = 0
    """Blobs that no row knows."""
    recounted: int = 0
    """Buckets whose counters were wrong and were put right."""
    silent: bool = False
    """No place answered: the examination stopped there, and says nothing about the blobs that were left."""
    unlisted: bool = False
    """A place did not say what it keeps: blobs that no row knows were not all counted."""
    problems: list[Problem] = []

    @property
    def is_whole(self) -> bool:
        """Whether nothing needs anybody's attention: what was mended does not."""
        return not (
            self.bad_rows or self.lost or self.away or self.silent or self.unlisted or self.bad_copies > self.mended
        )

    def note(self, problem: Problem) -> None:
        if len(self.problems) < SHOWN:
            self.problems.append(problem)


def examine(
    database: Database, blobs: BlobStore, scrubbing: Scrubbing, findings: Findings, *, read: bool, mend: bool
) -> None:
    """Steps 1 to 3; `findings` is read by others while it grows. Blocks."""
    findings.what = "rows"
    with database.read() as tx:
        bad, (findings.total, _) = inspection.row_problems(tx, SHOWN), inspection.total(tx)
    for row in bad:
        findings.bad_rows += 1
        findings.note(Problem(what=row.what, about=row.about))
    findings.what = "blobs"
    cursor, most = "", 1
    while verdicts := scrubbing.examine(cursor, read=read, read_bytes=_UNLIMITED, mend=mend, most=most):
        cursor, most = verdicts[-1].blob.expected.id, AT_ONCE
        for verdict in verdicts:
            _count(findings, verdict, database, read=read)
        if all(verdict.is_away for verdict in verdicts):
            findings.silent = True
            return
    findings.what = "unknown blobs"
    try:
        for ids in _old(blobs):
            with database.read() as tx:
                known = blob_rows.known(tx, ids)
            findings.unknown += len(set(ids) - known)
    except Unavailable:
        findings.unlisted = True


def _count(findings: Findings, verdict: Verdict, database: Database, *, read: bool) -> None:
    blob = verdict.blob
    findings.done += 1
    findings.blobs += 1
    findings.bytes += blob.expected.size if read else 0
    findings.mended += verdict.mended
    findings.lost += verdict.is_lost
    findings.away += verdict.away
    bad = [copy for copy in verdict.copies if copy.state in (State.MISSING, State.DAMAGED)]
    findings.bad_copies += len(bad)
    if not bad:
        return
    with database.read() as tx:
        bucket = inspection.bucket_of(tx, blob.owner)
    for copy in bad:
        what = f"a {copy.state} copy" if not verdict.is_lost else f"{copy.state}, and no good copy is left"
        what += ", written anew" if verdict.mended else ""
        findings.note(Problem(what=what, about=blob.owner, bucket=bucket, place=copy.place))


def _old(blobs: BlobStore) -> Iterator[Sequence[str]]:
    """Ids of blobs that nobody is writing, some at a time."""
    for page in blobs.older_than(ABANDONED_AFTER_S):
        ours = [found.id for found in page if is_id(found.id, "blb")]
        for start in range(0, len(ours), BATCH):
            yield ours[start : start + BATCH]

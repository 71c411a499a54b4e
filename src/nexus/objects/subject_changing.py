"""The story that says whose data an object is, after it was written: a right of its own, recorded for both patients.

All versions of a key are one subject's, so all of them change together: their keys are sealed under the key of the new
subject, their facts name him, their bytes stay as they are. Uploads under way keep theirs, and can no longer complete.

1. Each version is opened with its old key and sealed for the new subject.
2. In one transaction each row is replaced, if it is still the one that was opened, and no other has come or gone.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec

from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid
from nexus.kernel.operation import Operation
from nexus.objects import rules
from nexus.objects.consenting import refuse_secondary_writes
from nexus.objects.errors import REVISED_MEANWHILE, TOO_LARGE, no_such_key
from nexus.objects.model import Bucket, ObjectRef
from nexus.objects.reading import Reading
from nexus.objects.sealing import KEY, seal_facts
from nexus.objects.store import versions
from nexus.objects.store.versions import VersionRow
from nexus.objects.vaults import Named, Vaults

MAX_VERSIONS: Final = 1_000
"""Versions and markers of one key that change together."""
CHANGE: Final = "objects.subject.change"


class SubjectChanging:
    """Says whose data an object is."""

    def __init__(self, database: Database, reading: Reading, vaults: Vaults) -> None:
        self._database = database
        self._reading = reading
        self._vaults = vaults

    async def change(self, op: Operation, bucket: Bucket, key: str, name: str, reason: str) -> int:
        """Make all versions of an object those of another subject (or manifest); returns how many that were.

        Raises NotFound, Invalid, Conflict (changed meanwhile, erased subject) and Denied.
        """
        refuse_secondary_writes(op, bucket)
        rules.check_key(key)
        subject = await self._vaults.admit(op, bucket, name)
        if subject is None:
            raise no_such_key()
        with self._database.read() as tx:
            found = _all(tx, bucket, key)
        before = await self._vaults.named(op, bucket, found[0].subject)
        sealed = [await self._sealed(op, bucket, row, subject) for row in found]

        def work(tx: Transaction) -> Recorded[int]:
            if [row.id for row in _all(tx, bucket, key)] != [row.id for row in found]:
                raise _meanwhile()
            for row, pair in zip(found, sealed, strict=True):
                changed = msgspec.structs.replace(row, subject=subject.number)
                if not versions.set_subject(tx, bucket, changed, pair):
                    raise _meanwhile()
            entry = op.allowed(
                CHANGE, bucket.resource, key=key, versions=len(found), to=subject.id, reason=reason, former=_id(before)
            )
            return Recorded(len(found), replace(entry, subject=subject.id if subject.key is not None else None))

        changed = await self._database.write(work)
        if before is not None and before.key is not None and before.id != subject.id:
            told = op.allowed(CHANGE, bucket.resource, key=key, versions=len(found), reason=reason, left=True)
            await self._database.record(replace(told, subject=before.id))
        return changed

    async def _sealed(self, op: Operation, bucket: Bucket, row: VersionRow, subject: Named) -> tuple[bytes, bytes]:
        """The key and the facts of a version, sealed for a subject."""
        if row.marker:
            return row.sealed_key, row.sealed_facts
        opened = await self._reading.open(op, ObjectRef(bucket, row.key, row.version_id), facts_only=True)
        if opened.row.id != row.id:
            raise _meanwhile()
        metadata = msgspec.structs.replace(opened.facts.metadata, subject=subject.id)
        facts = msgspec.structs.replace(opened.facts, metadata=metadata)
        return (
            opened.bucket_key.wrap(opened.key, opened.place.bind(KEY), subject.key),
            seal_facts(opened.key, opened.place, facts),
        )


def _all(tx: Transaction, bucket: Bucket, key: str) -> Sequence[VersionRow]:
    found = versions.older(tx, bucket, key, 1 << 62, MAX_VERSIONS + 1)
    if not found:
        raise no_such_key()
    if len(found) > MAX_VERSIONS:
        raise Invalid(f"an object with more than {MAX_VERSIONS} versions keeps its subject", code=TOO_LARGE)
    return found


def _id(named: Named | None) -> str | None:
    return None if named is None else named.id


def _meanwhile() -> Conflict:
    return Conflict("the object was changed meanwhile", code=REVISED_MEANWHILE, hint="try again")

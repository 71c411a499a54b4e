"""Changes what travels with a version besides its bytes: tags, access control list. The bytes stay as they are.

Two changes at once of the same version both count: each is made to the facts that it finds, and if others are there when
it commits, it is made again to those.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict
from nexus.kernel.operation import Detail, Entry, Operation
from nexus.objects.consenting import refuse_secondary_writes
from nexus.objects.errors import REVISED_MEANWHILE, no_such_key
from nexus.objects.model import Metadata, ObjectRef
from nexus.objects.reading import Opened, Reading
from nexus.objects.sealing import seal_facts
from nexus.objects.store import versions
from nexus.objects.store.versions import VersionRow

ATTEMPTS: Final = 10
"""Changes by others that one change outlasts."""


class Revising:
    """Replaces the metadata of a version."""

    def __init__(self, database: Database, reading: Reading) -> None:
        self._database = database
        self._reading = reading

    async def peek(self, op: Operation, ref: ObjectRef) -> Metadata:
        """The metadata of a version, for a decision; no entry. Raises NotFound or IsDeleteMarker."""
        return (await self._reading.open(op, ref, facts_only=True)).facts.metadata

    async def look(self, op: Operation, ref: ObjectRef) -> tuple[Metadata, str | None]:
        """The metadata of a version and its id, the look recorded. Raises NotFound or IsDeleteMarker."""
        opened = await self._reading.open(op, ref, facts_only=True)
        await self._reading.record(op, ref, opened, {"head": True})
        return opened.facts.metadata, opened.public_version_id

    async def revise(
        self, op: Operation, ref: ObjectRef, change: Callable[[Metadata], Metadata], **details: Detail
    ) -> Opened:
        """Change the metadata of a version; returns it as it was before. Raises NotFound, IsDeleteMarker or Denied."""
        refuse_secondary_writes(op, ref.bucket)
        version = ""
        for _ in range(ATTEMPTS):
            opened = await self._reading.open(op, ref, facts_only=True)
            if version not in ("", opened.row.id):
                raise no_such_key()  # what it was meant for was replaced
            version = opened.row.id
            facts = msgspec.structs.replace(opened.facts, metadata=change(opened.facts.metadata))
            sealed = seal_facts(opened.key, opened.place, facts)
            entry = op.allowed(
                "objects.object.write", ref.bucket.resource, key=ref.key, version=opened.row.id, **details
            )
            if await self._replace(ref, opened.row, sealed, entry):
                return opened
        raise Conflict("the version keeps changing", code=REVISED_MEANWHILE, hint="try again")

    async def _replace(self, ref: ObjectRef, row: VersionRow, sealed: bytes, entry: Entry) -> bool:
        """Whether the facts were still those of `row`, and are replaced."""

        def work(tx: Transaction) -> Recorded[None]:
            if not versions.set_facts(tx, ref.bucket, row, sealed):
                raise Conflict("the version was changed meanwhile", code=REVISED_MEANWHILE, hint="try again")
            return Recorded(None, entry)

        try:
            await self._database.write(work)
        except Conflict as error:
            if error.code != REVISED_MEANWHILE:
                raise
            return False
        return True

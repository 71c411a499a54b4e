"""Stories about the tags of an object version. Tags are sealed with the rest of its metadata."""

from collections.abc import Mapping
from typing import Final

import msgspec

from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict
from nexus.kernel.operation import Operation
from nexus.objects import rules
from nexus.objects.errors import CHANGED_MEANWHILE
from nexus.objects.model import Bucket, ObjectRef
from nexus.objects.reading import Opened, Reading
from nexus.objects.sealing import seal_facts
from nexus.objects.store import versions

ATTEMPTS: Final = 8
"""How often a change of tags is tried again when others change the same version at the same time."""


class Tagging:
    """Stories about tags. Each returns the id of the version concerned (None if the bucket was never versioned)."""

    def __init__(self, database: Database, reading: Reading) -> None:
        self._database = database
        self._reading = reading

    async def get(
        self, op: Operation, bucket: Bucket, key: str, *, version_id: str | None = None
    ) -> tuple[Mapping[str, str], str | None]:
        """The tags of a version. Raises NotFound or IsDeleteMarker."""
        ref = ObjectRef(bucket, key, version_id)
        opened = await self._reading.open(op, ref)
        await self._reading.record(op, ref, opened, {"tags": True})
        return opened.facts.metadata.tags, opened.public_version_id

    async def put(
        self, op: Operation, bucket: Bucket, key: str, tags: Mapping[str, str], *, version_id: str | None = None
    ) -> str | None:
        """Replace the tags of a version; an empty mapping removes them. Raises Invalid `objects.invalid-tag`."""
        rules.check_tags(tags)
        for _ in range(ATTEMPTS):
            opened = await self._reading.open(op, ObjectRef(bucket, key, version_id))
            if await self._replace(op, opened, tags):
                return opened.public_version_id
        raise Conflict("the object is being changed by others", code=CHANGED_MEANWHILE, hint="retry")

    async def _replace(self, op: Operation, opened: Opened, tags: Mapping[str, str]) -> bool:
        """Seal the facts again with other tags; False if somebody else sealed them meanwhile."""
        metadata = msgspec.structs.replace(opened.facts.metadata, tags=tags)
        facts = msgspec.structs.replace(opened.facts, metadata=metadata)
        sealed = seal_facts(opened.key, opened.place, facts)
        row, bucket = opened.row, opened.bucket
        entry = op.allowed("objects.object.write", bucket.resource, key=row.key, version=row.id, tags=len(tags))

        def work(tx: Transaction) -> Recorded[None]:
            if not versions.set_facts(tx, bucket, row, sealed):
                raise _Changed
            return Recorded(None, entry)

        try:
            await self._database.write(work)
        except _Changed:
            return False
        return True


class _Changed(Exception):
    """The facts are not those that were opened: nothing is stored, and nothing recorded."""

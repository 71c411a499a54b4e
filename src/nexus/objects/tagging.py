"""Stories about the tags of an object version. Tags are sealed with the rest of its metadata."""

from collections.abc import Mapping

import msgspec

from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.operation import Operation
from nexus.objects import rules
from nexus.objects.errors import no_such_key, no_such_version
from nexus.objects.model import Bucket, ObjectRef
from nexus.objects.reading import Reading
from nexus.objects.sealing import seal_facts
from nexus.objects.store import versions


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
        opened = await self._reading.open(op, ObjectRef(bucket, key, version_id))
        metadata = msgspec.structs.replace(opened.facts.metadata, tags=tags)
        facts = msgspec.structs.replace(opened.facts, metadata=metadata)
        sealed = seal_facts(opened.key, opened.place, facts)
        row = opened.row
        entry = op.allowed("objects.object.write", bucket.resource, key=key, version=row.id, tags=len(tags))

        def work(tx: Transaction) -> Recorded[None]:
            # Of two changes at once the later stays: tags are all that can change in the facts of a version.
            if not versions.set_facts(tx, bucket, row, sealed):
                raise no_such_key() if version_id is None else no_such_version()
            return Recorded(None, entry)

        await self._database.write(work)
        return opened.public_version_id

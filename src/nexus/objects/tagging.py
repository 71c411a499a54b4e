"""Stories about the tags of an object version. Tags are sealed with the rest of its metadata."""

from collections.abc import Mapping

from nexus.kernel.operation import Operation
from nexus.objects import rules
from nexus.objects.model import Bucket, ObjectRef
from nexus.objects.naming import retagged
from nexus.objects.reading import Reading
from nexus.objects.revising import Revising


class Tagging:
    """Stories about tags. Each returns the id of the version concerned (None if the bucket was never versioned)."""

    def __init__(self, reading: Reading, revising: Revising) -> None:
        self._reading = reading
        self._revising = revising

    async def get(
        self, op: Operation, bucket: Bucket, key: str, *, version_id: str | None = None
    ) -> tuple[Mapping[str, str], str | None]:
        """The tags of a version. Raises NotFound or IsDeleteMarker."""
        ref = ObjectRef(bucket, key, version_id)
        opened = await self._reading.open(op, ref, facts_only=True)
        await self._reading.record(op, ref, opened, {"tags": True})
        return opened.facts.metadata.tags, opened.public_version_id

    async def put(
        self, op: Operation, bucket: Bucket, key: str, tags: Mapping[str, str], *, version_id: str | None = None
    ) -> str | None:
        """Replace the tags of a version; an empty mapping removes them. Raises Invalid `objects.invalid-tag`."""
        rules.check_tags(tags)
        revised = await self._revising.revise(
            op,
            ObjectRef(bucket, key, version_id),
            lambda metadata: retagged(metadata, dict(tags)),
            tags=len(tags),
        )
        return revised.public_version_id

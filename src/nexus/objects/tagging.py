"""Stories about the tags of an object version. Tags are sealed with the rest of its metadata."""

from collections.abc import Mapping

from nexus.kernel.operation import Operation
from nexus.objects.model import Bucket


class Tagging:
    """Stories about tags. Each returns the id of the version concerned (None if the bucket was never versioned)."""

    async def get(
        self, op: Operation, bucket: Bucket, key: str, *, version_id: str | None = None
    ) -> tuple[Mapping[str, str], str | None]:
        """The tags of a version. Raises NotFound or IsDeleteMarker."""
        raise NotImplementedError

    async def put(
        self, op: Operation, bucket: Bucket, key: str, tags: Mapping[str, str], *, version_id: str | None = None
    ) -> str | None:
        """Replace the tags of a version; an empty mapping removes them. Raises Invalid `objects.invalid-tag`."""
        raise NotImplementedError

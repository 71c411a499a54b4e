"""Stories that remove objects and versions."""

from collections.abc import Sequence

from nexus.kernel.errors import NexusError
from nexus.kernel.operation import Operation
from nexus.objects.model import ALWAYS_WRITE, Bucket, Deleted, DeleteTarget, WriteConditions


class Deleting:
    """Stories that remove objects and versions."""

    async def delete(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        *,
        version_id: str | None = None,
        conditions: WriteConditions = ALWAYS_WRITE,
    ) -> Deleted:
        """Remove a version for good, or (no version named, versioning on) hide the object behind a delete marker.

        Succeeds if there is nothing to remove, unless a condition says otherwise.
        """
        raise NotImplementedError

    async def delete_many(
        self, op: Operation, bucket: Bucket, targets: Sequence[DeleteTarget]
    ) -> Sequence[Deleted | NexusError]:
        """`delete` for each target, sharing commits; an answer for each, in their order. One audit entry each."""
        raise NotImplementedError

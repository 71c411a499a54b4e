"""Stories that open objects: GET, HEAD, and the source side of a copy."""

from nexus.kernel.operation import Operation
from nexus.objects.model import ALWAYS_READ, Bucket, ByteRange, ObjectInfo, ObjectRead, ReadConditions


class Reading:
    """Stories that open objects."""

    async def get(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        *,
        version_id: str | None = None,
        wanted: ByteRange | None = None,
        part_number: int | None = None,
        conditions: ReadConditions = ALWAYS_READ,
    ) -> ObjectRead:
        """Open a version, whole or a range or one part of it.

        Raises NotFound (key, version), IsDeleteMarker, NotModified, PreconditionFailed, RangeNotSatisfiable,
        Invalid `objects.invalid-part-number`, Damaged, Sealed or Unavailable; only then is nothing recorded here.
        """
        raise NotImplementedError

    async def head(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        *,
        version_id: str | None = None,
        wanted: ByteRange | None = None,
        part_number: int | None = None,
        conditions: ReadConditions = ALWAYS_READ,
    ) -> tuple[ObjectInfo, int, int]:
        """What is known of a version, and (first, length) of the part or range asked for. Raises as `get` does."""
        raise NotImplementedError

"""Stories of uploads in parts. Each part is sealed and stored once; completing writes a manifest and moves no byte."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from nexus.kernel.operation import Operation
from nexus.objects.model import (
    ALWAYS_READ,
    ALWAYS_WRITE,
    MAX_PAGE,
    Bucket,
    ByteRange,
    Metadata,
    ObjectRef,
    Part,
    PartPage,
    PartReference,
    ReadConditions,
    Upload,
    UploadPage,
    WriteConditions,
    Written,
)
from nexus.objects.writing import Verify

Combine = Callable[[Upload, Sequence[Part]], Mapping[str, str]]
"""Called with the chosen parts before the commit: raises, or returns the checksums of the whole object."""


class Uploads:
    """Stories of uploads in parts."""

    async def create(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        *,
        metadata: Metadata = Metadata(),  # noqa: B008 - frozen
        note: str = "",
    ) -> Upload:
        """Begin an upload. `note` is given back with it: the door's word about its checksums."""
        raise NotImplementedError

    async def find(self, bucket: Bucket, key: str, upload_id: str) -> Upload:
        """An open upload, without an entry. Raises NotFound `objects.no-such-upload`."""
        raise NotImplementedError

    async def put_part(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        body: AsyncIterator[bytes],
        *,
        upload_id: str,
        number: int,
        length: int | None = None,
        want_md5: bool = False,
        verify: Verify | None = None,
    ) -> Part:
        """Seal and store a part (1 to 10,000); one of the same number replaces it."""
        raise NotImplementedError

    async def copy_part(
        self,
        op: Operation,
        source: ObjectRef,
        bucket: Bucket,
        key: str,
        *,
        upload_id: str,
        number: int,
        wanted: ByteRange | None = None,
        source_conditions: ReadConditions = ALWAYS_READ,
        observe: Callable[[bytes], None] | None = None,
        verify: Verify | None = None,
    ) -> tuple[Part, str | None]:
        """A part from a range of another object; also returns the version that it came from."""
        raise NotImplementedError

    async def complete(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        upload_id: str,
        parts: Sequence[PartReference],
        *,
        conditions: WriteConditions = ALWAYS_WRITE,
        combine: Combine | None = None,
    ) -> Written:
        """Make the object from the named parts. Completing again gives the same answer.

        Raises NotFound (upload), Invalid `objects.invalid-part`, `objects.invalid-part-order` or
        `objects.part-too-small`, PreconditionFailed.
        """
        raise NotImplementedError

    async def abort(self, op: Operation, bucket: Bucket, key: str, upload_id: str) -> None:
        """Forget an upload and its parts. Raises NotFound."""
        raise NotImplementedError

    async def parts(
        self, op: Operation, bucket: Bucket, key: str, upload_id: str, *, after: int = 0, limit: int = MAX_PAGE
    ) -> PartPage:
        """The parts stored so far, by number."""
        raise NotImplementedError

    async def list(
        self,
        op: Operation,
        bucket: Bucket,
        *,
        prefix: str = "",
        delimiter: str = "",
        key_marker: str = "",
        upload_id_marker: str = "",
        limit: int = MAX_PAGE,
    ) -> UploadPage:
        """Open uploads, by key and then by age. The markers are exclusive."""
        raise NotImplementedError

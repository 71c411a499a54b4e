"""Stories that make a version in one piece: PUT and COPY."""

from collections.abc import AsyncIterator, Callable, Mapping

from nexus.kernel.operation import Operation
from nexus.objects.model import (
    ALWAYS_READ,
    ALWAYS_WRITE,
    BodyFacts,
    Bucket,
    Copied,
    Metadata,
    ObjectRef,
    ReadConditions,
    WriteConditions,
    Written,
)

Verify = Callable[[BodyFacts], Mapping[str, str]]
"""Called after the last byte and before anything is committed: raises, or returns the checksums to keep."""


class Writing:
    """Stories that make a version in one piece."""

    async def put(
        self,
        op: Operation,
        bucket: Bucket,
        key: str,
        body: AsyncIterator[bytes],
        *,
        length: int | None = None,
        metadata: Metadata = Metadata(),  # noqa: B008 - frozen
        conditions: WriteConditions = ALWAYS_WRITE,
        want_md5: bool = False,
        verify: Verify | None = None,
    ) -> Written:
        """Seal and store a body; durable when it returns.

        `length` is what the client declared (plaintext bytes) or None; a body of another length is Invalid
        `objects.incomplete-body`. `want_md5` computes the MD5 of a large body too (a client sent Content-MD5): it is
        in `BodyFacts` and becomes the ETag. Raises Invalid, PreconditionFailed, NotFound (`if_match` on nothing),
        what `body` and `verify` raise, Sealed or Unavailable; nothing half-appears.
        """
        raise NotImplementedError

    async def copy(
        self,
        op: Operation,
        source: ObjectRef,
        bucket: Bucket,
        key: str,
        *,
        source_conditions: ReadConditions = ALWAYS_READ,
        conditions: WriteConditions = ALWAYS_WRITE,
        metadata: Metadata | None = None,
        tags: Mapping[str, str] | None = None,
        observe: Callable[[bytes], None] | None = None,
        verify: Verify | None = None,
    ) -> Copied:
        """Open a version and seal it again as another, under a key of its own.

        `metadata` None keeps the headers and user metadata of the source (its tags too unless `tags` is given);
        given, it replaces headers and user metadata, and `tags` None still keeps the tags. `observe` sees every chunk
        of plaintext (checksums). Copying a latest version onto itself with nothing replaced is Invalid
        `objects.copy-unchanged`. A source that fails its conditions raises PreconditionFailed, never NotModified.
        Records the read of the source and the write.
        """
        raise NotImplementedError

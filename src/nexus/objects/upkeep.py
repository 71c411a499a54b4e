"""What the worker does for the store: sweep what crashes left behind, rewrap bucket keys after a rotation."""

import msgspec

from nexus.kernel.operation import Operation


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """What a sweep removed, in files and bytes."""

    files: int
    bytes: int


class Rewrapped(msgspec.Struct, frozen=True, kw_only=True):
    """Bucket keys that a rewrap wrapped again, and those that it had to leave."""

    done: int
    failed: int


class Upkeep:
    """Stories of the worker."""

    async def sweep(self, op: Operation) -> Swept:
        """Remove temporary files and blobs that no row knows; never those of a write under way."""
        raise NotImplementedError

    async def rewrap(self, op: Operation, key_id: str) -> Rewrapped:
        """Wrap every bucket key of `key_id` under its newest version. Goes on where it was interrupted."""
        raise NotImplementedError

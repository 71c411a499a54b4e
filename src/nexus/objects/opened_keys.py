"""Keys of objects that were opened lately, so that a small object that is read again is not unwrapped again.

Whoever holds the bucket key can open them anyway, so they are as well kept as it is: each serves the very bucket key that
opened it, for as long as that may be used, and goes when that is replaced after minutes; all go when one is taken back. None of a subject's is kept: what that
subject's key was needed for ends with it.
"""

from typing import Final

from nexus.objects.sealing import BucketKey, ObjectKey

MAX_KEPT: Final = 1_000
"""About 2 KiB each; beyond, the oldest go."""


class OpenedKeys:
    """Used on the event loop; `forget` from any thread."""

    def __init__(self) -> None:
        self._kept: dict[tuple[BucketKey, bytes, bytes], ObjectKey] = {}

    def unwrap(self, bucket_key: BucketKey, wrapped: bytes, aad: bytes) -> ObjectKey:
        """`BucketKey.unwrap` of what is no subject's. Raises as it does."""
        bucket_key.require()
        name = bucket_key, wrapped, aad
        kept = self._kept.get(name)
        if kept is not None:
            return kept
        key = bucket_key.unwrap(wrapped, aad)
        if len(self._kept) >= MAX_KEPT:
            self._kept.pop(next(iter(self._kept)), None)
        self._kept[name] = key
        if bucket_key.revoked:  # since, by another thread, which may have been here before the key was
            self.forget()
        return key

    def forget(self) -> None:
        """Called once a bucket key is revoked."""
        self._kept = {}

    def forget_of(self, bucket_key: BucketKey) -> None:
        """Called once another bucket key has taken the place of this one."""
        self._kept = {name: key for name, key in self._kept.items() if name[0] is not bucket_key}

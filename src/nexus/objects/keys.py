"""Bucket keys in memory: asked of the key service once for each actor, kept for minutes, gone when the lease is.

A cached key is used only by the actor that the key service opened it for. On any word that keys were taken back
(sealed, connection lost, key disabled or destroyed) every key concerned is revoked at once, in the streams that are
using it too; a key that was being fetched meanwhile is not trusted and fetched again.
"""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from weakref import WeakSet

from nexus.kernel.clock import MINUTE, Clock, Instant
from nexus.kernel.errors import Sealed
from nexus.kernel.operation import Operation
from nexus.kms.model import KeyEvent, KeyEventKind
from nexus.objects.errors import KEY_GONE
from nexus.objects.model import Bucket
from nexus.objects.opened_keys import OpenedKeys
from nexus.objects.ports import DataKeys
from nexus.objects.sealing import BucketKey, ObjectKey, SubjectKey

CACHED_FOR: Final = 5 * MINUTE
"""How long an opened bucket key is used without asking again."""
MAX_CACHED: Final = 10_000
"""Pairs of bucket and actor; beyond, the oldest are asked for again."""
FETCHES: Final = 2
"""Attempts at a key while keys are being taken back around it."""


def context_of(bucket_id: str, site: str) -> Mapping[str, str]:
    """What a bucket key is bound to in the key service: facts of the bucket that never change."""
    return {"service": "objects", "bucket": bucket_id, "site": site}


_Name = tuple[str, str, str]
"""Bucket, the key that was named instead of its own (or nothing), actor."""


@dataclass(frozen=True, slots=True)
class _Cached:
    key: BucketKey
    until: Instant


class BucketKeys:
    """Opened bucket keys by bucket, key and actor."""

    def __init__(self, data_keys: DataKeys, clock: Clock) -> None:
        self._data_keys = data_keys
        self._clock = clock
        self._cached: dict[_Name, _Cached] = {}
        self._fetching: dict[_Name, asyncio.Task[BucketKey]] = {}
        self._in_use: WeakSet[BucketKey] = WeakSet()
        self._lock = threading.Lock()
        self._taken_back = 0
        self._opened = OpenedKeys()
        data_keys.subscribe(self._on_event)

    async def create(self, op: Operation, bucket_id: str, site: str, key_id: str) -> bytes:
        """A new bucket key, wrapped."""
        made = await self._data_keys.generate(key_id, context_of(bucket_id, site), op)
        made.plaintext.wipe()
        return made.wrapped

    def at_hand(self, op: Operation, bucket: Bucket) -> BucketKey | None:
        """What `of` would answer without asking the key service, if it would."""
        cached = self._cached.get((bucket.id, bucket.named_key, op.actor.id))
        if cached is not None and self._data_keys.leased and self._clock.now() < cached.until:
            return cached.key
        return None

    async def of(self, op: Operation, bucket: Bucket) -> BucketKey:
        """The key of a bucket for this operation's actor. Raises what the key service raises, and Sealed."""
        held = self.at_hand(op, bucket)
        if held is not None:
            return held
        name = (bucket.id, bucket.named_key, op.actor.id)
        fetching = self._fetching.get(name)
        if fetching is None:
            fetching = self._fetching[name] = asyncio.create_task(self._fetch(op, bucket))
            fetching.add_done_callback(lambda task: self._fetched(name, task))
        return await asyncio.shield(fetching)

    def unwrap(self, key: BucketKey, wrapped: bytes, aad: bytes, subject: SubjectKey | None) -> ObjectKey:
        """`BucketKey.unwrap`, which need not be done again for what was read lately."""
        return key.unwrap(wrapped, aad, subject) if subject is not None else self._opened.unwrap(key, wrapped, aad)

    def revoke(self, key_id: str = "") -> None:
        """Forget every key under `key_id` (every key, if empty)."""
        with self._lock:
            self._taken_back += 1
            for key in [key for key in self._in_use if key_id in ("", key.key_id)]:
                key.revoke()
            self._cached = {name: c for name, c in self._cached.items() if key_id not in ("", c.key.key_id)}
            self._opened.forget()

    async def _fetch(self, op: Operation, bucket: Bucket) -> BucketKey:
        for _ in range(FETCHES):
            before = self._taken_back
            secret = await self._data_keys.unwrap(bucket.wrapped_key, context_of(bucket.id, bucket.site), op)
            with self._lock:
                if self._taken_back != before:
                    secret.wipe()
                    continue
                return self._keep(
                    (bucket.id, bucket.named_key, op.actor.id), BucketKey(secret, bucket.key_id, self._leased)
                )
        raise Sealed("the key service is taking keys back", code=KEY_GONE, hint="retry in a moment")

    def _fetched(self, name: _Name, task: asyncio.Task[BucketKey]) -> None:
        del self._fetching[name]
        if not task.cancelled():
            task.exception()  # seen, even if everybody who waited for it has gone

    def _keep(self, name: _Name, key: BucketKey) -> BucketKey:
        if len(self._cached) >= MAX_CACHED:
            del self._cached[next(iter(self._cached))]
        replaced = self._cached.pop(name, None)
        if replaced is not None:
            self._opened.forget_of(replaced.key)
        self._cached[name] = _Cached(key, Instant(self._clock.now() + CACHED_FOR))
        self._in_use.add(key)
        return key

    def _leased(self) -> bool:
        return self._data_keys.leased

    def _on_event(self, event: KeyEvent) -> None:
        if event.kind is not KeyEventKind.UNSEALED:
            self.revoke(event.key_id)

"""Rulings that were made before, as long as nothing that they rest on has changed.

All that is remembered holds as of one version. Whoever asks under a later one brings it there first: what patients decided in
between is forgotten for those patients; whatever else changed, for everybody, and so if the version is an earlier one (an old
snapshot, or a database that took an earlier state). A version is believed only where it is sure to stay: in a transaction that
has changed something itself, it may yet come to nothing, and another change may take its number.
"""

from collections.abc import Collection
from threading import Lock
from typing import Final, Protocol

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.objects.ports import Ruled, Version

MAX_REMEMBERED: Final = 100_000
"""Rulings that a process remembers; beyond, it forgets all and asks again."""

Key = tuple[int, tuple[int, str, str, str]]
"""Subject or manifest; bucket, actor, purpose, emergency access."""


class Changes(Protocol):
    """Who says whose rulings may have changed (`Subjects.changed`)."""

    def changed(self, tx: Transaction, since: Version, now: Version) -> Collection[str] | None: ...


class _Held(msgspec.Struct, frozen=True):
    ruled: Ruled
    whose: frozenset[str]


class Memory:
    """The rulings that one process remembers. Used from any thread."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._lock = Lock()
        self._version: Version = ()
        self._held: dict[Key, _Held] = {}
        self._single: dict[str, set[Key]] = {}
        """By subject: rulings of one subject's data alone."""
        self._joint: set[Key] = set()
        """Rulings of data of several at once."""

    def permits(self, key: Key, at: Instant) -> bool:
        """Whether it was allowed when last asked: enough for a look, since the question is asked again before anything is read."""
        held = self._held.get(key)
        return held is not None and held.ruled.allowed and at < held.ruled.until

    def ruling(self, tx: Transaction, version: Version, key: Key, at: Instant) -> Ruled | None:
        """What was ruled before and holds as of this version of the transaction, at this moment."""
        with self._lock:
            if version != self._version and not self._advance(tx, version):
                return None
            held = self._held.get(key)
        return held.ruled if held is not None and at < held.ruled.until else None

    def keep(self, version: Version, key: Key, whose: Collection[str], ruled: Ruled) -> None:
        """Remember a ruling, unless what is remembered stands at another version."""
        with self._lock:
            if version != self._version:
                return
            if len(self._held) >= MAX_REMEMBERED:
                self._clear()
            self._held[key] = _Held(ruled, frozenset(whose))
            if len(whose) == 1:
                self._single.setdefault(next(iter(whose)), set()).add(key)
            else:
                self._joint.add(key)

    def _advance(self, tx: Transaction, version: Version) -> bool:
        """Bring what is remembered to this version; False if it is not sure to stay."""
        if not tx.untouched:
            return False
        later = self._version and all(now >= then for now, then in zip(version, self._version, strict=True))
        changed = self._changes.changed(tx, self._version, version) if later else None
        if changed is None:
            self._clear()
        else:
            self._forget(changed)
        self._version = version
        return True

    def _forget(self, subjects: Collection[str]) -> None:
        changed = frozenset(subjects)
        for subject in changed:
            for key in self._single.pop(subject, ()):
                self._held.pop(key, None)
        for key in [key for key in self._joint if not changed.isdisjoint(self._held[key].whose)]:
            self._joint.discard(key)
            del self._held[key]

    def _clear(self) -> None:
        self._held.clear()
        self._single.clear()
        self._joint.clear()

"""How many copies there are of blobs, where they lie, and how each place is at the moment of asking.

Two things are told side by side, because neither says the other: whether a place can be reached **now**, which is asked of the
place itself, and how many good copies lie there, which the walks of the scrubber have counted, at a moment that is said too.
"""

import enum
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from msgspec import Struct

from nexus.kernel.clock import Instant
from nexus.objects.blobs.looking import Condition, Looking, Seen
from nexus.objects.blobs.port import BlobStore
from nexus.objects.scrubbing import Round


class Walk(Struct, frozen=True, kw_only=True):
    """The last walk over all blobs that ended."""

    ended_at: Instant
    blobs: int
    mended: int
    """Copies that were missing or damaged, and were written anew."""
    lost: int
    """Blobs without a good copy."""
    away: int
    """Copies in places that did not answer."""


class Replication(Struct, frozen=True, kw_only=True):
    """How blobs are kept, and how their copies are."""

    engine: str
    """`disk`, `copies` or `remote`."""
    needed: int
    """Copies that make a write count."""
    present: Walk | None = None
    """Whether each copy is there. Nothing: no walk has ended yet."""
    present_next_at: Instant | None = None
    """When the next walk begins that asks this; nothing: none will."""
    scrubbed: Walk | None = None
    """Whether each copy is byte for byte what was written."""
    scrubbed_next_at: Instant | None = None


class Advice(enum.StrEnum):
    """What to do about a place."""

    MOUNT = "mount-or-add-place"
    """Mount its disk; a new one is taken in with `nexus objects add-place`."""
    FREE_SPACE = "free-space"
    CHECK_DISK = "check-the-disk"
    """Look for disk errors and at its rights, in the system's log."""
    OTHER_FOLDER = "name-another-folder"
    CHECK_STORE = "check-the-store"
    """Look whether the store elsewhere runs, and knows our bucket and key."""
    MEND = "fsck-mend"
    """`nexus objects fsck --mend` writes what is missing there now; the worker does it at its next walk."""
    RESTORE = "restore-from-backup"
    """There is no other copy that it could be written anew from."""


class PlaceNow(Struct, frozen=True, kw_only=True):
    """A place where copies lie."""

    place: str
    """A directory, or the address of a store elsewhere and the bucket there."""
    condition: Condition
    """At the moment of asking."""
    advice: Advice | None
    """Nothing: there is nothing to do."""
    free_bytes: int | None
    """Room for more; nothing where it cannot be told."""
    total_bytes: int | None
    disk: str
    """Where its file system is mounted: places of one disk are lost together."""
    good_copies: int | None
    """Good copies there when the last walk left it; nothing: no walk has ended."""
    missing_copies: int | None
    """Copies that it did not find good there, for whatever reason, and did not write anew."""
    walked_at: Instant | None
    """When that walk ended."""


_TROUBLES: Final[Mapping[Condition, Advice]] = {
    Condition.FULL: Advice.FREE_SPACE,
    Condition.READ_ONLY: Advice.CHECK_DISK,
    Condition.FAILING: Advice.CHECK_DISK,
    Condition.SILENT: Advice.CHECK_DISK,
    Condition.AWAY: Advice.MOUNT,
    Condition.FOREIGN: Advice.OTHER_FOLDER,
}


class Replicas:
    """Looks at the places of an engine."""

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._looking = Looking()

    def now(self, last: Round | None, *, elsewhere: bool) -> Sequence[PlaceNow]:
        """Each place as it is now. Waits for them, within `looking.PATIENCE_S`.

        `last`: the last walk that ended, of either kind. `elsewhere`: the engine is a store that is not ours.
        """
        seen = self._looking.now({place: partial(self._blobs.look, place) for place in self._blobs.places})
        mending = Advice.MEND if len(seen) > 1 else Advice.RESTORE
        troubles = dict.fromkeys(_TROUBLES, Advice.CHECK_STORE) if elsewhere else _TROUBLES
        return [_place(place, how, last, {Condition.REACHABLE: mending, **troubles}) for place, how in seen.items()]


def _place(place: str, seen: Seen, last: Round | None, advice: Mapping[Condition, Advice]) -> PlaceNow:
    count = last.places.get(place) if last is not None else None
    missing = count.missing + count.away if count is not None else None
    is_well = seen.condition is Condition.REACHABLE and not missing
    return PlaceNow(
        place=place,
        condition=seen.condition,
        advice=None if is_well else advice[seen.condition],
        free_bytes=seen.free_bytes,
        total_bytes=seen.total_bytes,
        disk=seen.disk,
        good_copies=count.good if count is not None else None,
        missing_copies=missing,
        walked_at=Instant(last.finished_at) if last is not None and count is not None else None,
    )

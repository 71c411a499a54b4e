"""What the object store asks of an engine for blobs, and the few words that they share."""

import enum
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Protocol

from awscrt import checksums

from nexus.objects.blobs.looking import Seen

CHECKSUM_BYTES: Final = 8
"""CRC-64/NVME, big-endian: of sealed bytes, so that a copy can be examined by who has no key. Against accidents; against
intent stands the seal itself."""


class Checksum:
    """A running checksum of sealed bytes."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value = 0

    def update(self, data: memoryview | bytes) -> None:
        self._value = checksums.crc64nvme(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(CHECKSUM_BYTES, "big")


class BlobWriter(Protocol):
    """A blob under way: ask for `room`, fill it, say that it is `filled`. One caller at a time."""

    @property
    def id(self) -> str:
        """Its name, for ever."""

    def room(self, length: int) -> memoryview:
        """Where the next `length` bytes of the blob go."""

    def filled(self, length: int) -> None:
        """Append what was put into `room`. Raises Unavailable; the blob is then good for `abort` only."""

    def finish(self) -> bytes:
        """Make the bytes durable, then the name; returns their checksum. Raises Unavailable."""

    def release(self) -> None:
        """Give up the protection against the sweep: a row knows the blob now, or nobody will."""

    def abort(self) -> None:
        """Remove what was written. What cannot be removed is swept later."""


class BlobReader(Protocol):
    """An open blob. Reads may come from several threads."""

    @property
    def size(self) -> int:
        """Its sealed bytes. Raises Unavailable or Damaged where that has to be asked first."""

    def read(self, offset: int, length: int) -> bytes:
        """Exactly `length` bytes, or fewer at the end of the blob. Raises Unavailable or Damaged."""

    def at_hand(self, offset: int, into: memoryview) -> bool:
        """Fill `into` from `offset` on if that needs no waiting; else False, and nothing is promised of `into`."""

    def elsewhere(self) -> bool:
        """What it gave did not open: go on with another copy, from the same place. False: there is none left."""

    def close(self) -> None:
        """Give back what it holds."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a row says of a blob: sealed bytes, and their checksum where it was noted (since version 7 of the schema)."""

    id: str
    size: int
    checksum: bytes | None = None


class State(enum.StrEnum):
    """How a copy of a blob is."""

    GOOD = "good"
    MISSING = "missing"
    DAMAGED = "damaged"
    """It is there, and is not what was written."""
    AWAY = "away"
    """The place does not answer: nothing can be said."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a blob, as it was found."""

    place: str
    state: State


@dataclass(frozen=True, slots=True)
class Found:
    """A blob that a sweep found; `place` means something to its engine alone."""

    id: str
    size: int
    place: str


class BlobStore(Protocol):
    """An engine."""

    @property
    def threads(self) -> ThreadPoolExecutor:
        """Where callers run what waits."""

    @property
    def places(self) -> Sequence[str]:
        """Names of the places that each blob is to lie in."""

    def look(self, place: str) -> Seen:
        """How one of the `places` is at this moment. Waits for it, for as long as it takes."""

    def create(self, blob_id: str, *, room: int) -> BlobWriter:
        """Begin a blob. `room`: most bytes that are asked for at once. Raises Unavailable."""

    def reader(self, blob_id: str) -> BlobReader:
        """Open a blob. Raises Damaged if it is in no place, Unavailable if that cannot be told."""

    def discard(self, blob_ids: Iterable[str]) -> None:
        """Remove blobs that no row knows any more, soon and in the background; a sweep finds what is left."""

    def remove(self, blob_ids: Iterable[str]) -> None:
        """Remove blobs; what cannot be removed is left for the sweep."""

    def older_than(self, seconds: int) -> Iterator[Sequence[Found]]:
        """Blobs, finished or not, that nobody has written to for so long, some at a time. Raises Unavailable."""

    def remove_abandoned(self, found: Found, is_unknown: Callable[[], bool]) -> bool:
        """Remove a blob that nobody is writing and that no row knows, asked at the last moment."""

    def examine(self, expected: Expected, *, read: bool) -> Sequence[Copy]:
        """How each copy is: there and of the right length or, with `read`, byte for byte what was written."""

    def mend(self, expected: Expected) -> int:
        """Write the copies that are missing or damaged anew from a good one; returns how many. Raises Unavailable."""

    def on_bad_copy(self, notice: Callable[[str], None]) -> None:
        """Call `notice` with the id of a blob that has a copy to be mended, from any thread."""

    def close(self) -> None:
        """Wait for what is under way."""

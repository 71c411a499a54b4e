"""The anchor register: what must be outside every backup so that a destroyed key stays destroyed.

Each key version has a slot. With the keystore the slot holds a random anchor without which the version cannot be
unsealed; destroying the version overwrites the anchor, and every backup of the keystore, however old, loses that
version and no other. With a token the register holds only the tombstone, so that an object that comes back with a
restored token is destroyed again when the service is unsealed.

The register is a small file that is changed in place, kept in one or more places outside the data directory and
outside every backup (docs/formats/keystore.md). A change counts once every place has it on disk.
"""

import fcntl
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nexus.kernel.errors import Conflict, Damaged, NexusError, Unavailable
from nexus.kernel.secret import Secret

SLOT_BYTES = 64
"""Divides a disk sector, so that writing a slot is all or nothing."""
SLOT_ID_BYTES = 16
ANCHOR_BYTES = 32
MAX_SLOTS = 100_000
"""Key versions of one platform, destroyed ones included: 6.4 MB."""

_MAGIC = b"nexus-anchors/1\0"
_LIVE, _DESTROYED = 1, 2
_CHECK_BYTES = 8
_NO_ANCHOR = bytes(ANCHOR_BYTES)


def new_slot_id() -> bytes:
    """A fresh name for a slot."""
    return os.urandom(SLOT_ID_BYTES)


def slot_of(handle: bytes) -> bytes:
    """The slot of a provider's handle: whatever the provider, it stands behind one byte for the format."""
    return handle[1 : 1 + SLOT_ID_BYTES]


@dataclass(slots=True)
class _Place:
    """One copy of the register: an open file and where each slot lies in it."""

    path: Path
    descriptor: int
    offsets: dict[bytes, int] = field(default_factory=dict)
    end: int = SLOT_BYTES


class AnchorRegister:
    """Slots by id, the same in every place. `None` in memory means destroyed."""

    def __init__(self, paths: Sequence[Path], instance: str) -> None:
        """`paths`: one file for each place; `instance`: the platform that it belongs to, checked on opening."""
        if not paths:
            raise ValueError("an anchor register needs a place")
        self._paths = tuple(paths)
        self._instance = instance
        self._places: list[_Place] = []
        self._slots: dict[bytes, Secret | None] = {}

    @property
    def places(self) -> int:
        return len(self._paths)

    @property
    def destroyed(self) -> frozenset[bytes]:
        """Ids of the slots that hold a tombstone."""
        return frozenset(slot for slot, anchor in self._slots.items() if anchor is None)

    def anchor(self, slot: bytes) -> bytes | None:
        """The anchor of a live slot; None if it is unknown or destroyed."""
        held = self._slots.get(slot)
        return held.reveal() if held is not None else None

    # Opening

    def open(self, *, create: bool) -> None:
        """Read every place and bring them in line: destroyed in one is destroyed in all, missing in one is added.

        A place without a file is given one, unless all are: then Damaged, unless `create` (a new platform). Raises
        Conflict if another process holds the register or it belongs to another platform.
        """
        if not create and not any(path.exists() for path in self._paths):
            raise Damaged(
                "the anchor register is gone from every place",
                code="kms.anchors-lost",
                hint="bring back the directory of the anchors (not from an old backup); without it no key opens",
            )
        try:
            for path in self._paths:
                self._places.append(self._open_place(path))
            self._reconcile()
        except NexusError:
            self.close()
            raise
        except OSError as error:
            self.close()
            raise _disk(error) from error

    def close(self) -> None:
        """Forget the anchors and let go of the files."""
        for held in self._slots.values():
            if held is not None:
                held.wipe()
        self._slots.clear()
        for place in self._places:
            os.close(place.descriptor)
        self._places.clear()

    # Changing

    def add(self, slot: bytes) -> bytes:
        """A fresh anchor for a new slot, on disk in every place."""
        if len(self._slots) >= MAX_SLOTS:
            raise Conflict(f"the register is full: {MAX_SLOTS} key versions", code="kms.anchors-full")
        anchor = os.urandom(ANCHOR_BYTES)
        self._write(slot, _LIVE, anchor)
        self._slots[slot] = Secret(anchor)
        return anchor

    def destroy(self, slot: bytes) -> None:
        """Overwrite the anchor and leave a tombstone, on disk in every place. Twice is once; unknown slots too."""
        self._write(slot, _DESTROYED, _NO_ANCHOR)
        held = self._slots.get(slot)
        if held is not None:
            held.wipe()
        self._slots[slot] = None

    def _write(self, slot: bytes, state: int, anchor: bytes) -> None:
        record = _record(slot, state, anchor)
        try:
            for place in self._places:
                _put(place, slot, record)
        except OSError as error:
            raise _disk(error) from error

    def _open_place(self, path: Path) -> _Place:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        place = _Place(path, descriptor)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            content = os.pread(descriptor, SLOT_BYTES * (MAX_SLOTS + 1), 0)
            if len(content) < SLOT_BYTES:
                self._found(place)
            else:
                self._read(place, content)
        except BlockingIOError as error:
            os.close(descriptor)
            raise Conflict("another key service holds the anchor register", code="kms.already-running") from error
        except BaseException:
            os.close(descriptor)
            raise
        return place

    def _found(self, place: _Place) -> None:
        os.ftruncate(place.descriptor, 0)
        os.pwrite(place.descriptor, self._header(), 0)
        os.fsync(place.descriptor)
        _sync_directory(place.path.parent)

    def _header(self) -> bytes:
        name = hashlib.sha256(self._instance.encode()).digest()
        return (_MAGIC + name).ljust(SLOT_BYTES, b"\0")

    def _read(self, place: _Place, content: bytes) -> None:
        if content[:SLOT_BYTES] != self._header():
            raise Conflict(
                f"{place.path.name} is the anchor register of another platform",
                code="kms.anchors-foreign",
                hint="each platform needs its own directory for its anchors",
            )
        whole = len(content) // SLOT_BYTES * SLOT_BYTES
        for offset in range(SLOT_BYTES, whole, SLOT_BYTES):
            record = content[offset : offset + SLOT_BYTES]
            slot, state, anchor = record[:16], record[16], record[24:56]
            if record != _record(slot, state, anchor):
                if offset + SLOT_BYTES == whole:
                    break  # the last slot, torn by a crash before anybody was told of it
                raise Damaged(f"a slot of {place.path.name} is damaged", code="kms.anchors-damaged")
            place.offsets[slot] = offset
            place.end = offset + SLOT_BYTES
            self._merge(slot, Secret(anchor) if state == _LIVE else None)

    def _merge(self, slot: bytes, anchor: Secret | None) -> None:
        known = self._slots.get(slot, anchor)
        if anchor is None or known is None:
            self._slots[slot] = None
        elif known != anchor:
            raise Damaged("two places of the anchor register contradict each other", code="kms.anchors-damaged")
        else:
            self._slots[slot] = known

    def _reconcile(self) -> None:
        for slot, anchor in self._slots.items():
            record = _record(slot, _DESTROYED, _NO_ANCHOR) if anchor is None else _record(slot, _LIVE, anchor.reveal())
            for place in self._places:
                if _at(place, slot) != record:
                    _put(place, slot, record)


def _record(slot: bytes, state: int, anchor: bytes) -> bytes:
    content = slot + bytes([state]) + bytes(7) + anchor
    return content + hashlib.sha256(content).digest()[:_CHECK_BYTES]


def _at(place: _Place, slot: bytes) -> bytes:
    offset = place.offsets.get(slot)
    return os.pread(place.descriptor, SLOT_BYTES, offset) if offset is not None else b""


def _put(place: _Place, slot: bytes, record: bytes) -> None:
    offset = place.offsets.get(slot, place.end)
    if os.pwrite(place.descriptor, record, offset) != SLOT_BYTES:
        raise OSError("short write")
    os.fsync(place.descriptor)
    if slot not in place.offsets:
        place.offsets[slot] = offset
        place.end = offset + SLOT_BYTES


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk(error: OSError) -> Unavailable:
    return Unavailable(
        f"the anchor register cannot be read or written: {os.strerror(error.errno or 0)}",
        code="kms.anchors-disk",
        hint="every configured place of the anchors must be there and writable",
    )

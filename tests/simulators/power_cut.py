"""A power cut, without a power switch: what a disk may hold after it, given what was written and what was synced.

Under SQLite lies a file layer (VFS) that passes everything on to the real one and remembers each write as the disk got it,
encrypted. Until a file is synced, each of its writes may be on the disk, missing, or torn in the middle of a sector's
neighbourhood; in any combination. A blob that was not finished may be cut anywhere, hold zeros, or be gone.

`Disk.image` writes one such state into a directory, by chance. `Disk(honest=False)` is a disk that says that it has synced, and
has not: whoever looks for losses must find them there.
"""

import os
import random
import shutil
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

from nexus.objects.blobs.disk import DiskBlobs, FileWriter

BASE = "multipleciphers-unix"
NAME = "power-cut"
SECTOR = 512
KEPT = (0.0, 0.1, 0.5, 0.9, 1.0)
"""How likely an unsynced write has reached the disk, by turns."""


@dataclass
class _File:
    """`durable`: bytes as of the last sync. `pending`: writes since then; a truncation has None for its bytes."""

    durable: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes | None]] = field(default_factory=list)


class Disk:
    """What lies on the disk for certain, and what may."""

    def __init__(self, root: Path, *, honest: bool = True) -> None:
        self.root = root
        self.lock = threading.RLock()
        self.files: dict[str, _File] = {}
        self.finished: set[str] = set()
        """Blobs whose writer was told that they are durable."""
        self._honest = honest
        for path in root.iterdir():
            if path.is_file() and not path.name.endswith("-shm"):
                self.files[path.name] = _File(bytearray(path.read_bytes()))
        self.finished |= {path.name for path in root.rglob("blb_*") if path.parent.name != "unfinished"}

    def wrote(self, path: Path, offset: int, length: int) -> None:
        with path.open("rb") as file:
            file.seek(offset)
            self._of(path).pending.append((offset, file.read(length)))

    def truncated(self, path: Path, size: int) -> None:
        self._of(path).pending.append((size, None))

    def synced(self, path: Path) -> None:
        if self._honest:
            known = self._of(path)
            for offset, data in known.pending:
                _apply(known.durable, offset, data)
            known.pending.clear()

    def removed(self, path: Path) -> None:
        self.files.pop(path.name, None)

    def _of(self, path: Path) -> _File:
        return self.files.setdefault(path.name, _File())

    def image(self, into: Path, dice: random.Random) -> None:
        """One state in which a cut at this moment may leave the disk. Nothing is written meanwhile."""
        with self.lock:
            into.mkdir()
            for name, known in self.files.items():
                (into / name).write_bytes(_after_cut(known, dice))
            _blobs_after_cut(self.root / "blobs", into / "blobs", self.finished, dice)


def _after_cut(known: _File, dice: random.Random) -> bytes:
    content, likely = bytearray(known.durable), dice.choice(KEPT)
    for offset, data in known.pending:
        if dice.random() >= likely:
            continue
        if data is not None and dice.random() < 0.2:  # torn: some of its sectors only
            for start in range(0, len(data), SECTOR):
                if dice.random() < 0.5:
                    _apply(content, offset + start, data[start : start + SECTOR])
        else:
            _apply(content, offset, data)
    return bytes(content)


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


def _blobs_after_cut(source: Path, target: Path, finished: set[str], dice: random.Random) -> None:
    for path in source.rglob("*"):
        there = target / path.relative_to(source)
        if path.is_dir():
            there.mkdir(parents=True, exist_ok=True)
            continue
        there.parent.mkdir(parents=True, exist_ok=True)
        try:
            if path.name in finished:
                os.link(path, there)  # nobody writes to a finished blob again
            elif dice.random() < 0.7:
                shutil.copyfile(path, there)
                os.truncate(there, dice.randrange(there.stat().st_size + 1))
        except FileNotFoundError:
            pass  # removed this moment: no row that is durable knows it


class Recording(apsw.VFS):
    """The file layer. It is the process's default from its making on, and remembers what concerns `disk`, if there is one."""

    disk: Disk | None = None

    def __init__(self) -> None:
        super().__init__(NAME, BASE, makedefault=True)

    def xOpen(self, name: Any, flags: Any) -> "_RecordedFile":
        text = name.filename() if isinstance(name, apsw.URIFilename) else name
        concerns = self.disk is not None and text and Path(text).parent == self.disk.root
        return _RecordedFile(self.disk if concerns else None, Path(text or ""), name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        if self.disk is not None and Path(filename).parent == self.disk.root:
            with self.disk.lock:
                self.disk.removed(Path(filename))


class _RecordedFile(apsw.VFSFile):
    def __init__(self, disk: Disk | None, path: Path, name: Any, flags: Any) -> None:
        self._disk = disk
        self._path = path
        super().__init__(BASE, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        if self._disk is None:
            super().xWrite(data, offset)
            return
        with self._disk.lock:
            super().xWrite(data, offset)
            self._disk.wrote(self._path, offset, len(data))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        if self._disk is not None:
            with self._disk.lock:
                self._disk.truncated(self._path, newsize)

    def xSync(self, flags: int) -> None:
        if self._disk is not None:  # the real disk is not asked: nothing is lost here but by design
            with self._disk.lock:
                self._disk.synced(self._path)


class RecordedBlobs(DiskBlobs):
    """Blobs whose finish the disk is told of."""

    def __init__(self, root: Path, disk: Disk) -> None:
        super().__init__(root)
        self.disk = disk

    def create(self, blob_id: str, *, room: int) -> FileWriter:
        return _RecordedWriter(self, blob_id, room=room)


class _RecordedWriter(FileWriter):
    _blobs: RecordedBlobs

    def finish(self) -> bytes:
        checksum = super().finish()
        self._blobs.disk.finished.add(self.id)
        return checksum

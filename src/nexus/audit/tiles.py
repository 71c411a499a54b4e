"""The static files of the log: tiles of hashes and bundles of entries (C2SP tlog-tiles).

    tile/<L>/<N>            256 hashes of level L * 8 of the tree
    tile/<L>/<N>.p/<W>      the same while only W of them exist
    tile/entries/<N>        the leaf data of 256 entries, each with its length before it; `.p/<W>` as above

A file gets its name when it is complete, and never another content. The checkpoint that covers it is published only
after `sync`. A full tile replaces its partial ones.
"""

import os
import shutil
import struct
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from nexus.crypto.merkle import HASH_BYTES, Frontier, leaf_hash, node_hash
from nexus.kernel.errors import Damaged

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""
HEIGHT = 8
"""Levels of the tree that one tile spans."""
ENTRIES = "entries"
MAX_LEVELS = 8
MAX_CACHED = 64
"""Tiles that a reader keeps in memory: 512 KiB."""
SYNC_THREADS = 8


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Path below the log's directory: `tile/0/x001/234` or `tile/entries/000.p/17`."""
    parts = [f"{index % 1000:03d}"]
    while index := index // 1000:
        parts.insert(0, f"x{index % 1000:03d}")
    suffix = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(parts)}{suffix}"


def encode_bundle(leaves: Iterable[bytes]) -> bytes:
    """Entries, each with its length as a big-endian uint16."""
    return b"".join(struct.pack(">H", len(leaf)) + leaf for leaf in leaves)


def decode_bundle(data: bytes) -> list[bytes]:
    """The inverse of `encode_bundle`. Raises Damaged."""
    leaves, at = [], 0
    while at < len(data):
        length = int.from_bytes(data[at : at + 2], "big")
        leaf = data[at + 2 : at + 2 + length]
        if len(leaf) != length or at + 2 > len(data):
            raise Damaged("an entry bundle ends in the middle of an entry", code="audit.bundle")
        leaves.append(leaf)
        at += 2 + length
    return leaves


class TileReader:
    """The tree of `size` entries as its tiles say. `nodes` is what proofs are made from. Not for several threads."""

    def __init__(self, directory: Path, size: int) -> None:
        self._directory = directory
        self.size = size
        self._tiles: dict[tuple[int, int], bytes] = {}

    def nodes(self, level: int, index: int) -> bytes:
        """Hash of the complete subtree over leaves [index << level, (index + 1) << level). Raises Damaged."""
        tile_level, inner = divmod(level, HEIGHT)
        first = index << inner
        hashes = self.tile(tile_level, first // WIDTH)
        start = first % WIDTH * HASH_BYTES
        row = [hashes[at : at + HASH_BYTES] for at in range(start, start + (HASH_BYTES << inner), HASH_BYTES)]
        while len(row) > 1:
            row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
        return row[0]

    def tile(self, level: int, index: int) -> bytes:
        """The hashes of one tile, as many of them as a tree of this size has."""
        known = self._tiles.get((level, index))
        if known is None:
            if len(self._tiles) >= MAX_CACHED:
                self._tiles.clear()
            width = width_of(self.size, level, index)
            known = self._tiles[level, index] = self._read(level, index, width, width * HASH_BYTES)
            if len(known) != width * HASH_BYTES:
                raise Damaged(f"{tile_path(level, index, width)} has a wrong length", code="audit.tile")
        return known

    def bundle(self, index: int) -> list[bytes]:
        """The leaf data of one bundle, as many as a tree of this size has."""
        width = width_of(self.size, 0, index)
        leaves = decode_bundle(self._read(ENTRIES, index, width, None))[:width]
        if len(leaves) != width:
            raise Damaged(f"{tile_path(ENTRIES, index, width)} lacks entries", code="audit.bundle")
        return leaves

    def _read(self, level: int | str, index: int, width: int, limit: int | None) -> bytes:
        """The partial file, or the full one that has replaced it."""
        for candidate in dict.fromkeys((width, WIDTH)):
            with suppress(FileNotFoundError):
                return (self._directory / tile_path(level, index, candidate)).read_bytes()[:limit]
        raise Damaged(
            f"{tile_path(level, index, width)} is missing",
            code="audit.tile-missing",
            hint="the worker writes it again from the database at its next start",
        )


def width_of(size: int, level: int, index: int) -> int:
    """How many hashes tile `index` of `level` has in a tree of `size`. Raises ValueError where there is no such tile."""
    width = min(WIDTH, (size >> HEIGHT * level) - index * WIDTH)
    if width <= 0:
        raise ValueError(f"a log of {size} has no tile {index} on level {level}")
    return width


class TileWriter:
    """Appends to the static files. Holds the unfinished tile of each level, so that nothing is read back."""

    def __init__(self, directory: Path) -> None:
        """Start with an empty log: existing files are replaced as the log grows past them."""
        self._directory = directory
        self._levels: list[list[bytes]] = [[]]
        self._bundle: list[bytes] = []
        self.size = 0
        self._unsynced: dict[Path, None] = {}
        self._superseded: list[Path] = []

    @classmethod
    def resume(cls, directory: Path, size: int) -> "TileWriter":
        """Go on from the files of a published size. Raises Damaged if they are missing; checks no content."""
        writer, reader = cls(directory), TileReader(directory, size)
        writer.size = size
        writer._levels = []
        for level in range(MAX_LEVELS):
            count = size >> HEIGHT * level
            data = reader.tile(level, count // WIDTH) if count % WIDTH else b""
            writer._levels.append([data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)])
        if size % WIDTH:
            writer._bundle = reader.bundle(size // WIDTH)
        return writer

    def append(self, leaves: Sequence[bytes]) -> None:
        """Add leaf data; write every tile and bundle that is full by now."""
        for leaf in leaves:
            self._bundle.append(leaf)
            self._levels[0].append(leaf_hash(leaf))
            self.size += 1
            if len(self._bundle) == WIDTH:
                self._finish()

    def flush(self) -> None:
        """Write the unfinished tiles."""
        if self._bundle:
            self._write(tile_path(ENTRIES, self.size // WIDTH, len(self._bundle)), encode_bundle(self._bundle))
        for level, hashes in enumerate(self._levels):
            if hashes:
                index = (self.size >> HEIGHT * level) // WIDTH
                self._write(tile_path(level, index, len(hashes)), b"".join(hashes))

    def sync(self) -> None:
        """Make everything written so far durable; then let go of partial files that full ones have replaced."""
        directories = {parent for path in self._unsynced for parent in path.parents[: _depth(path, self._directory)]}
        with ThreadPoolExecutor(SYNC_THREADS) as pool:  # the file system gathers syncs that wait together
            list(pool.map(sync_file, self._unsynced))
            list(pool.map(sync_file, directories))
        self._unsynced.clear()
        for partial in self._superseded:
            shutil.rmtree(partial, ignore_errors=True)
        self._superseded.clear()

    def frontier(self) -> Frontier:
        """The tree as written so far."""
        peaks: list[bytes] = []
        for hashes in reversed(self._levels):
            inner, at = Frontier(), 0
            for bit in range(HEIGHT - 1, -1, -1):
                if len(hashes) >> bit & 1:
                    inner = Frontier()
                    inner.extend(hashes[at : at + (1 << bit)])
                    peaks.append(inner.root())
                    at += 1 << bit
        return Frontier(self.size, peaks)

    def _finish(self) -> None:
        """Write the full bundle and tile, and carry the tile's hash to the level above, as far up as that fills."""
        index = self.size // WIDTH - 1
        self._write_full(ENTRIES, index, encode_bundle(self._bundle))
        self._bundle = []
        level = 0
        while len(self._levels[level]) == WIDTH:
            hashes, self._levels[level] = self._levels[level], []
            self._write_full(level, (self.size >> HEIGHT * (level + 1)) - 1, b"".join(hashes))
            level += 1
            if level == len(self._levels):
                self._levels.append([])
            subtree = Frontier()
            subtree.extend(hashes)
            self._levels[level].append(subtree.root())

    def _write_full(self, level: int | str, index: int, data: bytes) -> None:
        path = tile_path(level, index)
        self._write(path, data)
        self._superseded.append(self._directory / f"{path}.p")

    def _write(self, relative: str, data: bytes) -> None:
        path = self._directory / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.part")
        partial.write_bytes(data)
        partial.rename(path)
        self._unsynced[path] = None


def _depth(path: Path, above: Path) -> int:
    """How many directories lie between a file and the one `above`, that one included."""
    return len(path.relative_to(above).parts)


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file as a whole, durably: written, synced, named, and the name synced."""
    partial = path.with_name(f".{path.name}.part")
    partial.write_bytes(data)
    sync_file(partial)
    partial.rename(path)
    sync_file(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of a file, or the names in a directory, durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

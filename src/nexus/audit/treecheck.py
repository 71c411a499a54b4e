"""Recomputes a tree leaf by leaf, compares it with its tiles on the way, and keeps its root at chosen sizes."""

from collections.abc import Iterable, Sequence

from nexus.audit.model import MAX_PROBLEMS, Problem
from nexus.audit.tiles import HEIGHT, WIDTH, TileReader, tile_path
from nexus.crypto.merkle import HASH_BYTES, Frontier
from nexus.kernel.errors import Damaged, NexusError


class Problems:
    """What was found, bounded. `found` may be more than `listed`."""

    def __init__(self) -> None:
        self.found = 0
        self._listed: list[Problem] = []

    def add(self, code: str, message: str, index: int | None = None) -> None:
        self.found += 1
        if len(self._listed) < MAX_PROBLEMS:
            self._listed.append(Problem(code=code, index=index, message=message))

    def add_error(self, error: NexusError, index: int | None = None) -> None:
        self.add(error.code, error.message, index)

    def listed(self) -> tuple[Problem, ...]:
        """Lowest index first; what concerns no single entry comes last."""
        return tuple(sorted(self._listed, key=lambda one: (one.index is None, one.index or 0)))


class TreeCheck:
    """Feed it every leaf hash in order with `add`, then call `finish`."""

    def __init__(self, problems: Problems, tiles: TileReader | None, roots_at: Iterable[int]) -> None:
        """`tiles`: the published tiles, of the size that they cover. `roots_at`: sizes whose roots are wanted."""
        self._problems, self._tiles = problems, tiles
        self._wanted = sorted({size for size in roots_at if size > 0})
        self._row: list[bytes] = []
        self._tile_roots: list[bytes] = []
        self._faulty: set[int] = set()
        self.frontier = Frontier()
        self.roots: dict[int, bytes] = {0: self.frontier.root()}

    def add(self, leaf_hashes: Sequence[bytes]) -> None:
        at = 0
        while at < len(leaf_hashes):
            stop = len(leaf_hashes)
            if self._wanted:
                stop = min(stop, at + self._wanted[0] - self.frontier.size)
            self._extend(leaf_hashes[at:stop])
            at = stop
            if self._wanted and self.frontier.size == self._wanted[0]:
                self.roots[self._wanted.pop(0)] = self.frontier.root()

    def finish(self) -> bytes:
        """Compare the last tile and the levels above; returns the root of everything that was added."""
        if self._row:
            self._compare_level0()
        level, hashes = 1, self._tile_roots
        while hashes and self._tiles is not None and self._tiles.size >> HEIGHT * level:
            self._compare_level(level, hashes[: self._tiles.size >> HEIGHT * level])
            full = len(hashes) // WIDTH
            hashes = [_root(hashes[at * WIDTH : (at + 1) * WIDTH]) for at in range(full)]
            level += 1
        return self.frontier.root()

    def _extend(self, leaf_hashes: Sequence[bytes]) -> None:
        self.frontier.extend(leaf_hashes)
        self._row.extend(leaf_hashes)
        while len(self._row) >= WIDTH:
            rest = self._row[WIDTH:]
            self._row = self._row[:WIDTH]
            self._compare_level0()
            self._tile_roots.append(_root(self._row))
            self._row = rest

    def _compare_level0(self) -> None:
        """The tile of leaf hashes against what was recomputed: a difference names the entry."""
        index = len(self._tile_roots)
        if self._tiles is None or index * WIDTH >= self._tiles.size:
            return
        if wrong := self._differences(0, index, self._row):
            message = "the entry is not the one whose hash was published" + and_more(wrong)
            self._problems.add("audit.leaf", message, index * WIDTH + wrong[0])
            self._faulty.add(index)

    def _compare_level(self, level: int, hashes: Sequence[bytes]) -> None:
        """A level above the leaves. What follows from a fault already found below is not told again."""
        below, self._faulty = self._faulty, {index // WIDTH for index in self._faulty}
        for index in range((len(hashes) + WIDTH - 1) // WIDTH):
            wrong = self._differences(level, index, hashes[index * WIDTH : (index + 1) * WIDTH])
            if wrong := [offset for offset in wrong if index * WIDTH + offset not in below]:
                self._faulty.add(index)
                message = f"hash {wrong[0]} of {tile_path(level, index)} is not that of its entries" + and_more(wrong)
                self._problems.add("audit.tile", message, (index * WIDTH + wrong[0]) << HEIGHT * level)

    def _differences(self, level: int, index: int, hashes: Sequence[bytes]) -> list[int]:
        assert self._tiles is not None
        try:
            tile = self._tiles.tile(level, index)
        except Damaged as error:
            self._problems.add_error(error)
            return []
        published = [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
        return [at for at, pair in enumerate(zip(published, hashes, strict=False)) if pair[0] != pair[1]]


def and_more(wrong: Sequence[int]) -> str:
    """How many more differ beside the first: a shifted log differs everywhere, and one line says enough."""
    return f", nor are {len(wrong) - 1} after it" if len(wrong) > 1 else ""


def _root(hashes: Sequence[bytes]) -> bytes:
    frontier = Frontier()
    frontier.extend(hashes)
    return frontier.root()

"""A file that is read from anywhere, over blocks that are fetched from where it lies: nothing of it is written down here."""

import io
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

BLOCK_BYTES: Final = 8 << 20
BLOCKS: Final = 8
"""Blocks that are kept: each that is fetched is one read of the store, and one entry in the log."""


class Anywhere(io.RawIOBase):
    """A file of `size` bytes; `block` gives its blocks by number from 0. The last used stay in memory."""

    def __init__(self, size: int, block: Callable[[int], bytes]) -> None:
        super().__init__()
        self._size = size
        self._block = block
        self._at = 0
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go somewhere, also behind the end."""
        self._at = max(0, (0, self._at, self._size)[whence] + offset)
        return self._at

    def read(self, size: int = -1) -> bytes:
        """The next bytes; fewer at the end. Raises what `block` raises."""
        end = self._size if size is None or size < 0 else min(self._size, self._at + size)
        parts = []
        while self._at < end:
            number, inside = divmod(self._at, BLOCK_BYTES)
            part = self._at_block(number)[inside : inside + end - self._at]
            parts.append(part)
            self._at += len(part)
        return b"".join(parts)

    def _at_block(self, number: int) -> bytes:
        block = self._kept.pop(number, None)
        if block is None:
            block = self._block(number)
        self._kept[number] = block
        while len(self._kept) > BLOCKS:
            self._kept.popitem(last=False)
        return block

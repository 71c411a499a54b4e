"""Rows that a process remembers, each for as long as the number stands at which it was read (`generation.py`)."""

import threading
from typing import Any, Final

from nexus.kernel.engines.port import Row

MAX_BYTES: Final = 8 << 20
"""Of all rows together; beyond, the oldest go."""
MAX_ROW_BYTES: Final = 16 << 10
"""Of one row, so that a few large ones do not drive out the rest."""
_ROW_BYTES: Final = 1_000
"""About what a row takes besides its texts and bytes."""

Asked = tuple[Any, ...]
"""A statement and its parameters."""


class Remembered:
    """Used from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[Asked, tuple[int, Row]] = {}
        self._bytes = 0

    def find(self, asked: Asked, number: int) -> Row | None:
        """The row that was read at this number."""
        known = self._rows.get(asked)
        return known[1] if known is not None and known[0] == number else None

    def keep(self, asked: Asked, number: int, row: Row) -> None:
        """Remember a row, unless it is large."""
        size = _size(row)
        if size > MAX_ROW_BYTES:
            return
        with self._lock:
            self._forget(asked)
            while self._rows and self._bytes + size > MAX_BYTES:
                self._forget(next(iter(self._rows)))
            self._rows[asked] = (number, row)
            self._bytes += size

    def _forget(self, asked: Asked) -> None:
        if (known := self._rows.pop(asked, None)) is not None:
            self._bytes -= _size(known[1])


def _size(row: Row) -> int:
    return _ROW_BYTES + sum([len(value) for value in row if isinstance(value, str | bytes)])

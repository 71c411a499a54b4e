"""Statements of work, run on a PostgreSQL connection in its own words."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

from nexus.kernel.engines.connecting import Connection
from nexus.kernel.engines.dialect import query
from nexus.kernel.engines.port import Row, is_reading

translated: Final = lru_cache(maxsize=4_096)(query)


class PostgresTransaction:
    """What work sees (the port's `Transaction`)."""

    __slots__ = ("_cursor", "before", "connection", "moment", "untouched")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._cursor = connection.cursor(binary=True)
        self.moment = object()
        self.untouched = True
        self.before: Callable[[], None] | None = None
        """Called once, before the next statement."""

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        self._prepare(is_reading(sql))
        return self._cursor.execute(translated(sql), parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        self._prepare(is_reading(sql))
        return self._cursor.execute(translated(sql), parameters).fetchone()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        self._prepare(False)
        return max(0, self._cursor.execute(translated(sql), parameters).rowcount)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> int:
        self._prepare(False)
        if not rows:
            return 0
        self._cursor.executemany(translated(sql), rows)
        return max(0, self._cursor.rowcount)

    def announce(self, name: bytes) -> None:
        """Nobody remembers anything: readers ask each time."""

    def _prepare(self, reading: bool) -> None:
        if self.before is not None:
            before, self.before = self.before, None
            before()
        if not reading:
            self.moment = object()
            self.untouched = False

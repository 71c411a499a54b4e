"""Statements of work, run on a PostgreSQL connection in its own words."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from nexus.kernel.engines.connecting import Connection
from nexus.kernel.engines.dialect import query
from nexus.kernel.engines.port import Row

translated: Final = lru_cache(maxsize=4_096)(query)


class PostgresTransaction:
    """What work sees (the port's `Transaction`)."""

    __slots__ = ("_cursor", "connection")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._cursor = connection.cursor(binary=True)

    def all(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        return self._cursor.execute(translated(sql), parameters).fetchall()

    def one(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        return self._cursor.execute(translated(sql), parameters).fetchone()

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        return max(0, self._cursor.execute(translated(sql), parameters).rowcount)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._cursor.executemany(translated(sql), rows)

"""Carries everything that a database holds into a new one, on the same engine or the other: every table, or nothing.

What is carried is read in one snapshot and written in one transaction. Afterwards it is read back: a table arrived if it
has as many rows as the one it came from, and the sum of their hashes is the same.

Words: *contents* are what one snapshot of a database holds; a *receiver* is a database that holds nothing yet.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from nexus.kernel.engines.port import Progress, Row, Statement, Transaction
from nexus.kernel.errors import Conflict, Damaged
from nexus.kernel.migrating import Migration, migrate

Columns = Mapping[str, Sequence[str]]
"""Table -> its columns."""
VERSIONS: Final = "kernel_schema_version"
STEP_ROWS: Final = 2_000
"""Rows fetched at a time, and between two reports of progress."""
_MODULUS: Final = 1 << 256


@dataclass(frozen=True, slots=True)
class Tally:
    """What two tables have in common if they hold the same rows, in whatever order."""

    rows: int = 0
    digest: int = 0
    """Sum of the SHA-256 of each row, modulo 2**256."""


Tallies = Mapping[str, Tally]


class Contents(Protocol):
    """One snapshot. A table is read to its end before the next one is begun."""

    def tables(self) -> Columns: ...

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]: ...

    def numbers(self) -> Mapping[str, int]:
        """Of tables that number their rows: the last number that was ever given."""
        ...


class Receiver(Protocol):
    """Inside one transaction, which whoever made the receiver ends."""

    @property
    def tx(self) -> Transaction: ...

    def define(self, tx: Transaction, statement: Statement) -> None: ...

    def open_up(self) -> Columns:
        """Empty every table, and let rows come in any order, without what triggers would do to them."""
        ...

    def fill(self, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None: ...

    def close_up(self, numbers: Mapping[str, int]) -> None:
        """Put triggers and order back, and go on numbering after `numbers`. Raises Damaged if rows contradict each other."""
        ...


def carry(
    source: Contents, target: Receiver, schema: Sequence[Migration], progress: Progress = lambda done, total: None
) -> Tallies:
    """Lay out `target` and fill it. Counts tables. Raises Conflict if the source is of another version than `schema`."""
    migrate(target.tx, target.define, schema)
    versions = set(target.tx.all(f"SELECT service, version FROM {VERSIONS}"))  # noqa: S608 - a constant
    tables, held = target.open_up(), source.tables()
    if set(source.rows(VERSIONS, ("service", "version"))) != versions:
        raise Conflict(
            "the database is not of this program's version",
            code="database.another-version",
            hint="start the platform once with this program, then try again",
        )
    if {table: set(columns) for table, columns in tables.items()} != {
        table: set(columns) for table, columns in held.items()
    }:
        raise Damaged("the database has other tables than its version has", code="database.tables")
    tallies = {}
    for done, (table, columns) in enumerate(sorted(tables.items())):
        progress(done, len(tables))
        counting = Counting(source.rows(table, columns))
        target.fill(table, columns, counting)
        tallies[table] = counting.tally()
    target.close_up(source.numbers())
    progress(len(tables), len(tables))
    return tallies


def require_arrived(carried: Tallies, arrived: Contents) -> None:
    """Read everything back. Raises Damaged on a difference, naming the table."""
    tables = arrived.tables()
    for table, expected in carried.items():
        counting = Counting(arrived.rows(table, tables.get(table, ())))
        for _ in counting:
            pass
        if counting.tally() != expected:
            raise Damaged(f"{table} did not arrive as it was sent", code="database.carried")


class Counting:
    """Rows on their way, counted."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self._count = self._sum = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self._count += 1
            self._sum += int.from_bytes(hashlib.sha256(msgspec.msgpack.encode(row)).digest(), "big")
            yield row

    def tally(self) -> Tally:
        return Tally(self._count, self._sum % _MODULUS)


def quoted(name: str) -> str:
    """A name that the catalogue of a database gave, as both take it."""
    return f'"{name.replace(chr(34), chr(34) * 2)}"'


def listed(names: Sequence[str]) -> str:
    return ", ".join(quoted(name) for name in names)

"""DuckDB: the engine of one machine. What does not fit into its memory it writes beside, into the work folder."""

# ruff: noqa: S608 - statements are put together from names of tables and fields, and from paths that are quoted here

import contextlib
import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, cast

import duckdb
import ibis
import ibis.expr.types as ir

from nexus.kernel.errors import Damaged, Unavailable
from nexus.kernel.secret import Secret
from nexus.warehouse.omop.engine import MEMORY, Asked, Held, Named, parquet, without_rows
from nexus.warehouse.omop.source import FILE, LINE, Source
from nexus.warehouse.omop.statements import Statements, about, statements

ROWS_A_GROUP: Final = 122_880
_HELD: Final = "_held"
_PROBE: Final = "a probe of the key"
_FOR_GOOD: Final = "COMPRESSION zstd, COMPRESSION_LEVEL 1"
"""Higher levels save two per cent of the space and cost a fifth of the time."""


class DuckdbEngine:
    """One connection; `Engine` says what its methods promise."""

    name = "duckdb"

    def __init__(self, work: Path, secret: Secret, *, memory: str = MEMORY, threads: int | None = None) -> None:
        spill = work / "spill"
        spill.mkdir(parents=True, exist_ok=True)
        settings: dict[str, Any] = {
            "memory_limit": memory,
            "temp_directory": str(spill),
            "preserve_insertion_order": False,
        }
        self._ibis = ibis.duckdb.connect(**settings, **({"threads": threads} if threads else {}))
        self.sql: duckdb.DuckDBPyConnection = self._ibis.con
        self.sql.execute("SET TimeZone = 'UTC'")
        hashed = f"md5_number('{secret.reveal().hex()}' || text)"
        self.sql.execute(
            f"CREATE TEMP MACRO nexus_key(text) AS CAST({hashed} & {(1 << 63) - 1} AS BIGINT);"
            f"CREATE TEMP MACRO nexus_check(text) AS CAST({hashed} >> 96 AS BIGINT)"
        )
        salt = hashlib.sha256(f"links {duckdb.__version__} ".encode() + secret.reveal()).hexdigest()[:16]
        linked = f"CAST(hash('{salt}' || text) & {(1 << 63) - 1} AS BIGINT)"
        self.sql.execute(f"CREATE TEMP MACRO nexus_link(text) AS CASE WHEN text IS NOT NULL THEN {linked} END")
        self._secret = secret
        self._statements = Statements("")
        self._selects: dict[str, str] = {}

    def recall(self, source: Source, path: Path) -> None:
        """Take the statements about a source that this process knows, and those that a conversion has kept."""
        self._statements = statements(about(source))
        self._statements.recall(path, self._secret)

    def keep_statements(self, path: Path) -> None:
        """Write them, for whoever has the same secret."""
        self._statements.keep(path, self._secret)

    def until(self, day: date) -> None:
        self._run(f"CREATE OR REPLACE TEMP MACRO nexus_last() AS DATE '{day.isoformat()}'")

    def probe(self) -> int:
        """A number that tells this secret from others."""
        ((key,),) = self._run(f"SELECT nexus_key({quoted(_PROBE)})")
        return int(key)

    def staged(
        self, name: str, places: Sequence[Path | str], columns: Sequence[str], lines: tuple[int, int] | None = None
    ) -> ir.Table:
        types = staged_types(columns)
        if not places:
            return self._empty(f"staged_{name}", types)
        named = ", ".join(f'"{column}"' for column in columns)
        selects = [
            f"SELECT {named}, {FILE}, coalesce(_exact, _first + rowid) AS {LINE} FROM {place}"
            for place in places
            if isinstance(place, str)
        ]
        if files := [quoted(place) for place in places if isinstance(place, Path)]:
            selects.append(
                f"SELECT {named}, {FILE}, coalesce(_exact, _first + file_row_number) AS {LINE}"
                f" FROM read_parquet([{', '.join(files)}], file_row_number = true)"
            )
        select = " UNION ALL ".join(selects)
        if lines is not None:
            select = f"SELECT * FROM ({select}) WHERE {LINE} >= {lines[0]} AND {LINE} < {lines[1]}"
        return self._view(f"staged_{name}", select, types)

    def chosen(self, name: str, asked: Asked, columns: Sequence[str]) -> ir.Table:
        return self._view(f"staged_{name}", self.statement(asked), staged_types(columns))

    def keep(self, select: str, name: str) -> int:
        """Hold the rows of a statement as a table of this name, in the order of the files; how many there were."""
        with self.in_order():
            ((rows,),) = self._run(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")
        return int(rows)

    def drop(self, name: str) -> None:
        """Let a table go that was kept."""
        self._run(f"DROP TABLE IF EXISTS {name}")

    def read(self, name: str, paths: Sequence[Path], columns: Mapping[str, str]) -> ir.Table:
        files = sorted(file for path in paths for file in parquet(path))
        if not files:
            return self._empty(f"read_{name}", columns)
        named = ", ".join(f'"{column}"' for column in columns)
        listed = ", ".join(quoted(file) for file in files)
        return self._view(f"read_{name}", f"SELECT {named} FROM read_parquet([{listed}])", columns)

    def hold(self, asked: Asked) -> Held:
        self._run(f"CREATE OR REPLACE TEMP TABLE {_HELD} AS {self.statement(asked)}")
        return functools.cache(lambda: cast(ir.Table, self._ibis.table(_HELD)))

    def write(self, asked: Asked, path: Path) -> int:
        return self.copy(self.statement(asked), path)

    def copy(self, select: str, path: Path, *, in_order: bool = False) -> int:
        """Write the rows of a statement; `in_order`: as the files have them."""
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        statement = (
            f"COPY ({select}) TO {quoted(new)}"
            f" (FORMAT parquet, {'COMPRESSION lz4' if in_order else _FOR_GOOD}, ROW_GROUP_SIZE {ROWS_A_GROUP})"
        )
        try:
            with self.in_order() if in_order else contextlib.nullcontext():
                ((written,),) = self._run(statement)
            new.replace(path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                new.unlink()
        return int(written)

    @contextlib.contextmanager
    def in_order(self) -> Iterator[None]:
        """Rows come in the order of the files, at the price of memory."""
        self.sql.execute("SET preserve_insertion_order = true")
        try:
            yield
        finally:
            self.sql.execute("SET preserve_insertion_order = false")

    def rows(self, asked: Asked) -> list[tuple[Any, ...]]:
        return self._run(self.statement(asked))

    def statement(self, asked: Asked) -> str:
        """The statement of an expression. Pieces of one mapping differ in the views that they read, not in this."""
        if isinstance(asked, Named):
            return self._statements.of(asked, self._ibis.compile)
        return str(self._ibis.compile(asked))

    def close(self) -> None:
        self._ibis.disconnect()

    def _empty(self, name: str, columns: Mapping[str, str]) -> ir.Table:
        return self._view(name, without_rows(columns, text="VARCHAR", moment="TIMESTAMP"), columns)

    def _view(self, name: str, select: str, columns: Mapping[str, str]) -> ir.Table:
        if self._selects.get(name) != select:
            self._run(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {select}')
            self._selects[name] = select
        return table_of(name, tuple(columns.items()))

    def _run(self, statement: str) -> list[tuple[Any, ...]]:
        """Raises Unavailable if memory or disk do not suffice, Damaged if a file cannot be read."""
        try:
            return self.sql.execute(statement).fetchall()
        except duckdb.OutOfMemoryException as error:
            raise Unavailable(
                "the engine's memory does not suffice for this step",
                code="omop.memory",
                hint="give more (--memory), fewer threads (--threads), or smaller pieces (--piece); then run it again",
            ) from error
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            raise Damaged(
                "the engine cannot read a file, or write one",
                code="omop.files",
                hint="look at the space of the disk and at the files of the work folder; then run it again",
            ) from error


@functools.cache
def table_of(name: str, columns: tuple[tuple[str, str], ...]) -> ir.Table:
    """What is called so in the engine, in expressions."""
    return ibis.table(dict(columns), name=name)


def staged_types(columns: Sequence[str]) -> dict[str, str]:
    """The columns of a table of staged files, with their types."""
    return {**dict.fromkeys(columns, "string"), FILE: "int32", LINE: "int64"}


def quoted(path: Path | str) -> str:
    """A path, or a text, in SQL."""
    return "'" + str(path).replace("'", "''") + "'"

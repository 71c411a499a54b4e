"""A CDM in Parquet files, opened in DuckDB: which tables and fields there are, and a way to ask."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from nexus.kernel.errors import Damaged, Invalid
from nexus.warehouse.quality.checks import checks

MEMORY: Final = "4GB"
"""What DuckDB may hold in memory; beyond, it writes to its temporary directory."""
INTEGERS: Final = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
)
_DATED: Final = ("DATE", "TIMESTAMP")
_TEXT: Final = "VARCHAR"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


class Cdm:
    """What is there, by table and field, in lower case; types are DuckDB's names."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, tables: Mapping[str, Mapping[str, str]]) -> None:
        self._connection = connection
        self.tables = tables

    def has(self, table: str, *fields: str) -> bool:
        """Whether a table is there with all of these fields."""
        return table in self.tables and all(field in self.tables[table] for field in fields)

    def date(self, alias: str, table: str, field: str) -> str:
        """A field as a day: NULL where it is none, whatever type the file gives it."""
        type_ = self.tables[table][field]
        if type_.startswith(_DATED):
            return f'CAST({alias}."{field}" AS DATE)'
        return f'try_cast({alias}."{field}" AS DATE)' if type_ == _TEXT else "CAST(NULL AS DATE)"

    def number(self, alias: str, table: str, field: str) -> str:
        """A field as a number: NULL where it is none."""
        return f'try_cast({alias}."{field}" AS DOUBLE)' if self.tables[table][field] == _TEXT else f'{alias}."{field}"'

    def row(self, sql: str) -> tuple[Any, ...]:
        """The one row of a statement. Raises Damaged if the files cannot be read."""
        return self.rows(sql)[0]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a statement. Raises Damaged if the files cannot be read."""
        try:
            return self._connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise Damaged("a table of the CDM cannot be read", code="warehouse.parquet") from error

    def columns(self, sql: str) -> dict[str, Any]:
        """A statement's rows as one NumPy array for each column. Raises Damaged if the files cannot be read."""
        try:
            return self._connection.execute(sql).fetchnumpy()
        except duckdb.Error as error:
            raise Damaged("a table of the CDM cannot be read", code="warehouse.parquet") from error

    def arrow(self, sql: str) -> pa.Table:
        """A statement's rows as an Arrow table. Raises Damaged if the files cannot be read."""
        try:
            return self._connection.execute(sql).to_arrow_table()
        except duckdb.Error as error:
            raise Damaged("a table of the CDM cannot be read", code="warehouse.parquet") from error

    def put(self, name: str, table: pa.Table) -> None:
        """Make a table of this process readable under a name that the CDM does not use."""
        if name in self.tables:
            raise ValueError(f"{name} is a table of the CDM")
        self._connection.register(name, table)

    def add(self, name: str, table: pa.Table) -> None:
        """The same, as if the CDM had it."""
        self.put(name, table)
        described = self.rows(f'DESCRIBE "{name}"')
        self.tables = {**self.tables, name: {str(field): str(type_) for field, type_, *_ in described}}


@contextmanager
def open_cdm(folder: Path, *, memory: str = MEMORY, threads: int | None = None) -> Iterator[Cdm]:
    """The CDM in a folder of `<table>.parquet` files or `<table>/…` folders. Raises Invalid if there is none, Damaged."""
    found = dict(_sources(folder))
    if not found:
        raise Invalid(
            "this folder holds no table of the CDM",
            code="warehouse.no-cdm",
            hint="a table is a file such as person.parquet, or a folder of Parquet files of that name",
        )
    with duckdb.connect(config={"memory_limit": memory, **({"threads": threads} if threads else {})}) as connection:
        tables = {name: _view(connection, name, pattern) for name, pattern in found.items()}
        yield Cdm(connection, tables)


def _sources(folder: Path) -> Iterator[tuple[str, str]]:
    known = {check.table for check in checks()}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = path.stem.lower() if path.suffix == ".parquet" else path.name.lower()
        if name not in known or _NAME.fullmatch(name) is None:
            continue
        if path.is_dir() and any(path.rglob("*.parquet")):
            yield name, str(path / "**" / "*.parquet")
        elif path.suffix == ".parquet":
            yield name, str(path)


def _view(connection: duckdb.DuckDBPyConnection, name: str, pattern: str) -> dict[str, str]:
    """Make a table readable under its name, its fields in lower case. Raises Damaged."""
    quoted = pattern.replace("'", "''")
    try:
        source = f"read_parquet('{quoted}', union_by_name = true)"
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()  # noqa: S608
        fields = {str(row[0]).lower(): (str(row[0]).replace('"', '""'), str(row[1])) for row in described}
        columns = ", ".join(f'"{written}" AS "{field}"' for field, (written, _) in fields.items())
        connection.execute(f'CREATE VIEW "{name}" AS SELECT {columns} FROM {source}')  # noqa: S608
    except duckdb.Error as error:
        raise Damaged(f"the table {name} cannot be read", code="warehouse.parquet") from error
    return {field: type_ for field, (_, type_) in fields.items()}

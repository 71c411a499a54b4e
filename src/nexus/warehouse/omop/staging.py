"""From delivered files to staged Parquet: every column text, every row with the number of its file, and its line.

The line of a row is its place in the staged file, unless the file has fields with line breaks or lines that cannot be
read: then it is counted once and kept. Only columns that the source declares are staged: names and addresses stay behind.
"""

# ruff: noqa: S608 - statements are put together from declared columns, and from paths and headers that are quoted

import zlib
from io import BufferedIOBase
from pathlib import Path
from typing import Final, NamedTuple, cast

import duckdb

from nexus.kernel.errors import Damaged, Invalid
from nexus.warehouse.omop.delivery import MARK, Delivered, Shape, check_columns, opened, shape
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine, quoted
from nexus.warehouse.omop.excerpts import NUMBER
from nexus.warehouse.omop.source import FILE, LINE
from nexus.warehouse.omop.staging_fhir import stage_fhir

BLOCK: Final = 1 << 20
LONGEST_LINE: Final = 16 << 20
"""Bytes. DuckDB holds a line whole."""
_LINE_END: Final = ord("\n")
ENCODINGS: Final = ("utf-8", "latin-1", "utf-16")


class Read(NamedTuple):
    """What was read of a file: rows, and lines that could not be. `plain`: whether each row is one line, behind the header."""

    rows: int
    unreadable: tuple[int, ...] = ()
    plain: bool = False


def stage(engine: DuckdbEngine, file: Delivered, place: Path | str, encoding: str) -> Read:
    """Stage one file, as Parquet or as a table that the engine keeps.

    Raises Invalid on a header that is not the table's, Damaged on a file that cannot be read.
    """
    try:
        if file.form == "fhir" and isinstance(place, Path):
            return Read(*stage_fhir(file, place))
        if file.form in ("parquet", "read"):
            return Read(_parquet(engine, file, place))
        return _separated(engine, file, place, encoding)
    except duckdb.Error as error:
        raise Damaged(
            f"{file.name} cannot be read",
            code="omop.file",
            hint="it may have been cut off on its way: ask for it again",
        ) from error


def _parquet(engine: DuckdbEngine, file: Delivered, place: Path | str) -> int:
    named = parquet_columns(engine, file)
    marks = _marks(file, 1, f"CAST({LINE} AS BIGINT) AS _exact") if file.form == "read" else _marks(file, first=1)
    return _put(engine, f"SELECT {named}, {marks} FROM read_parquet({quoted(file.path)})", place)


def parquet_columns(engine: DuckdbEngine, file: Delivered) -> str:
    """The columns of a Parquet file as they are staged, in SQL. Raises Invalid if they are not the table's."""
    described = engine.sql.execute(f"DESCRIBE FROM read_parquet({quoted(file.path)})").fetchall()
    there = {str(row[0]).lower(): str(row[0]) for row in described}
    check_columns(file, list(there))
    return ", ".join(
        f"CAST({_named(there[column])} AS VARCHAR) AS {_named(column)}" if column in there else _absent(file, column)
        for column in file.table.every_column
    )


def _put(engine: DuckdbEngine, select: str, place: Path | str) -> int:
    return engine.keep(select, place) if isinstance(place, str) else engine.copy(select, place, in_order=True)


def _separated(engine: DuckdbEngine, file: Delivered, place: Path | str, encoding: str) -> Read:
    written = shape(file, encoding)
    _forget_rejects(engine)
    source = _reader(file.path, written, encoding)
    columns = _columns(file, written)
    rows = _put(engine, f"SELECT {columns}, {_marks(file, first=2)} FROM {source}", place)
    unreadable = _rejected(engine)
    if unreadable or rows + 1 != lines_of(file.path):
        unreadable = _count_lines(engine, file, written, place, encoding=encoding, rejected=unreadable)
        return Read(rows, unreadable)
    return Read(rows, plain=True)


def stage_excerpt(engine: DuckdbEngine, file: Delivered, path: Path, place: Path | str, encoding: str) -> int:
    """Stage an excerpt of a file, with the lines that it names; rows that could be read. Raises Damaged.

    At `path` are the lines themselves (`excerpts`); of a Parquet file, only their numbers.
    """
    if file.form == "parquet":
        return _parquet_excerpt(engine, file, path, place)
    written = shape(file, encoding)
    of_excerpt = Shape(written.separator, (NUMBER, *written.columns))
    exact = f"CAST({_named(NUMBER)} AS BIGINT) AS _exact"
    _forget_rejects(engine)
    try:
        source = _reader(path, of_excerpt, encoding)
        return _put(engine, f"SELECT {_columns(file, written)}, {_marks(file, 2, exact)} FROM {source}", place)
    except duckdb.Error as error:
        raise Damaged(f"{file.name} cannot be read", code="omop.file", hint="ask for it again") from error


def _parquet_excerpt(engine: DuckdbEngine, file: Delivered, numbers: Path, place: Path | str) -> int:
    marks = _marks(file, 1, "file_row_number + 1 AS _exact")
    source = f"read_parquet({quoted(file.path)}, file_row_number = true)"
    wanted = f"file_row_number + 1 IN (SELECT number FROM read_parquet({quoted(numbers)}))"
    return _put(engine, f"SELECT {parquet_columns(engine, file)}, {marks} FROM {source} WHERE {wanted}", place)


def _reader(path: Path, written: Shape, encoding: str) -> str:
    columns = ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in written.columns)
    return (
        f"read_csv({quoted(path)}, auto_detect = false, header = true, delim = {quoted(written.separator)},"
        f" quote = '\"', escape = '\"', columns = {{{columns}}}, nullstr = '', encoding = '{encoding}',"
        f" store_rejects = true, rejects_limit = 0, max_line_size = {LONGEST_LINE}, strict_mode = true)"
    )


def _columns(file: Delivered, written: Shape) -> str:
    return ", ".join(
        f"{_trimmed(_named(column))} AS {_named(column)}" if column in written.columns else _absent(file, column)
        for column in file.table.every_column
    )


def _trimmed(field: str) -> str:
    """A field without blanks around it. Trimming costs more than all of the reading, so that it is kept for fields that hold a
    blank, or a letter beyond ASCII, which may be one too. An empty field is NULL already (`nullstr`)."""
    return (
        f"CASE WHEN contains({field}, ' ') OR strlen({field}) <> length({field})"
        f" THEN nullif(trim({field}), '') ELSE {field} END"
    )


def _absent(file: Delivered, column: str) -> str:
    """A column that this file does not have."""
    value = quoted(file.mark) if column == MARK else "CAST(NULL AS VARCHAR)"
    return f"{value} AS {_named(column)}"


def _marks(file: Delivered, first: int, exact: str = "CAST(NULL AS BIGINT) AS _exact") -> str:
    return f"CAST({file.id} AS INTEGER) AS {FILE}, CAST({first} AS BIGINT) AS _first, {exact}"


def _count_lines(
    engine: DuckdbEngine,
    file: Delivered,
    written: Shape,
    place: Path | str,
    *,
    encoding: str,
    rejected: tuple[int, ...],
) -> tuple[int, ...]:
    """Stage the file again with the line of each row; returns the lines of what was rejected, which counts records.

    The line of a row is its number among records that were read, and one more for each record rejected before it and for
    each line break inside a field before it.
    """
    breaks = " + ".join(
        f"coalesce(length({_named(c)}) - length(replace({_named(c)}, chr(10), '')), 0)" for c in written.columns
    )
    _forget_rejects(engine)
    with engine.in_order():
        engine.sql.execute(
            "CREATE OR REPLACE TEMP TABLE broken AS SELECT record, sum(breaks) OVER (ORDER BY record) AS by_breaks FROM"
            f" (SELECT row_number() OVER () + 1 AS record, {breaks} AS breaks FROM {_reader(file.path, written, encoding)})"
            " WHERE breaks > 0"
        )
    shifts = ", ".join(f"({line - index}, {index + 1})" for index, line in enumerate(rejected)) or "(NULL, 0)"
    engine.sql.execute(
        "CREATE OR REPLACE TEMP TABLE shifted AS SELECT CAST(record AS BIGINT) AS record, max(by_rejects) AS by_rejects"
        f" FROM (VALUES {shifts}) v(record, by_rejects) WHERE record IS NOT NULL GROUP BY record"
    )
    _forget_rejects(engine)
    exact = "CAST(r._record + coalesce(s.by_rejects, 0) + coalesce(b.by_breaks, 0) AS BIGINT) AS _exact"
    _put(
        engine,
        f"SELECT {_columns(file, written)}, {_marks(file, 2, exact)}"
        f" FROM (SELECT *, row_number() OVER () + 1 AS _record FROM {_reader(file.path, written, encoding)}) r"
        " ASOF LEFT JOIN shifted s ON r._record >= s.record ASOF LEFT JOIN broken b ON r._record > b.record",
        place,
    )
    lines = engine.sql.execute(
        "SELECT s.record + s.by_rejects - 1 + coalesce(b.by_breaks, 0)"
        f" FROM (VALUES {shifts}) s(record, by_rejects) ASOF LEFT JOIN broken b ON s.record > b.record ORDER BY 1"
    ).fetchall()
    return tuple(int(line) for (line,) in lines if line is not None)


def _rejected(engine: DuckdbEngine) -> tuple[int, ...]:
    found = engine.sql.execute("SELECT DISTINCT line FROM reject_errors ORDER BY line").fetchall()
    return tuple(int(line) for (line,) in found)


def _forget_rejects(engine: DuckdbEngine) -> None:
    for name in ("reject_errors", "reject_scans"):
        engine.sql.execute(f"DROP TABLE IF EXISTS {name}")


def lines_of(path: Path) -> int:
    """Lines of a file; a last one without its end counts."""
    count, last, block = 0, _LINE_END, bytearray(BLOCK)
    try:
        with cast(BufferedIOBase, opened(path)) as stream:
            while size := stream.readinto(block):  # one block, filled again and again: new ones cost more than counting
                count += block.count(b"\n", 0, size)
                last = block[size - 1]
    except (OSError, EOFError, zlib.error) as error:
        raise Damaged("a file cannot be read to its end", code="omop.file", hint="ask for it again") from error
    return count + (last != _LINE_END)


def _named(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def check_encoding(encoding: str) -> None:
    """Raises Invalid for an encoding that the engine cannot read."""
    if encoding not in ENCODINGS:
        raise Invalid(f"files are {', '.join(ENCODINGS)}", code="omop.encoding")

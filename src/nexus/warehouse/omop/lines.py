"""Rows of a delivery as they stand: a hash of each, and its ties. So a refresh sees what changed without reading fields.

Where each row of a table's files is one line, the line is hashed; of a Parquet file, the row. Of the next delivery only rows that were
not there before are read field by field, and files that are the same byte for byte are not read at all.
Elsewhere (FHIR, fields with line breaks, lines that cannot be read) rows are staged, and hashed.
The hash is DuckDB's own: it keeps no secret from whoever may read this folder, where the CDM itself lies, and costs next to nothing.
It begins with what the columns are: lines under another header, separator or secret are other lines.
"""

# ruff: noqa: S608 - statements are put together from declared columns, numbers, and paths that are quoted

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Final, NamedTuple

import duckdb
import ibis.expr.types as ir

from nexus.kernel.errors import Damaged
from nexus.warehouse.omop.delivery import Delivered, shape
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine, quoted, staged_types, table_of
from nexus.warehouse.omop.engine import Named
from nexus.warehouse.omop.excerpts import excerpt
from nexus.warehouse.omop.excluding import Exclusion
from nexus.warehouse.omop.keys import SEPARATOR
from nexus.warehouse.omop.slices import Staged
from nexus.warehouse.omop.source import FILE, LINE, SourceTable
from nexus.warehouse.omop.staged_files import StagedFiles
from nexus.warehouse.omop.staging import LONGEST_LINE, lines_of, parquet_columns, stage_excerpt
from nexus.warehouse.omop.ties import PERSON, TIES

AS_LINES: Final = "lines"
AS_ROWS: Final = "rows"
ENCODINGS: Final = ("utf-8", "latin-1")
"""In which a line break is one byte."""
_NEW: Final = "_new_lines"
_ROWS: Final = "_rows"
_NO_SEPARATOR: Final = "\x01\x02\x03\x04"
"""What divides fields of lines that are read as one: no text holds it."""


class Kept(NamedTuple):
    """How the rows of a table are kept, and of each of its files, in order, what tells it from all others, and its rows."""

    how: str
    files: Sequence[tuple[str, int]] = ()
    """Empty unless `how` is AS_LINES."""


class Lines:
    """`folder`: where the lines of a delivery that is compared are kept, until it is converted."""

    def __init__(self, local: DuckdbEngine, staged: StagedFiles, exclusion: Exclusion, folder: Path, encoding: str):
        self._local, self._staged, self._exclusion = local, staged, exclusion
        self._folder, self._encoding = folder, encoding

    def keep(self, table: SourceTable, path: Path, how: str = AS_LINES) -> Kept:
        """Write the hashes of a table that is staged (`changes.LINES`): as lines, if so asked and each row is one."""
        files = self._staged.of(table.name)
        if how == AS_LINES and table.tied and all(self._is_lines(each) for each in files):
            with contextlib.suppress(Damaged):
                path.unlink(missing_ok=True)
                self._write(" UNION ALL ".join(map(self._line_beside_row, files)), table, path)
            if path.exists() and self._is_whole(path, files):
                return Kept(AS_LINES, [(self._mark(each.file), each.rows) for each in files])
        self._write(" UNION ALL ".join(map(self._rows, files)), table, path)
        return Kept(AS_ROWS)

    def compare(self, table: SourceTable, before: Path, was: Kept, path: Path) -> Kept | None:
        """Read the files of a table as lines, beside what was kept of them `before`; write what is kept now to `path`.

        None if they cannot be read so: a line that is new is not one row, a file is no text in lines. Then nothing was written.
        """
        files = self._staged.files(table.name)
        if not (table.tied and all(self._could_be(file) for file in files)):
            return None
        marks = {file.id: self._mark(file) for file in files}
        same = self._same(marks, before, was)
        rows = {number: was.files[place][1] for number, place in same.items()}
        kept = Kept(AS_LINES, [(marks[file.id], rows.get(file.id, 0)) for file in files])
        if list(kept.files) == [tuple(each) for each in was.files] and not self._misses(table):
            path.unlink(missing_ok=True)
            os.link(before, path)
        else:
            changed = [file for file in files if file.id not in same]
            try:
                counted = self._hash(changed, before)
            except duckdb.Error:
                return None
            if not self._read_new(changed, counted):
                return None
            rows |= counted
            self._settle(files, same, before, path)
            kept = Kept(AS_LINES, [(marks[file.id], rows[file.id]) for file in files])
        self._is_compared(table, path)
        for file in files:
            self._staged.read_as_lines(file, rows[file.id])
        return kept

    def excerpt(self, file: Delivered, affected: Path) -> tuple[Path, int]:
        """The lines of a file that a refresh reads: those with one of these ties (`changes.AFFECTED`), those with none.

        And those of who is excluded, of whom nothing is kept: to count them.
        """
        here = f"read_parquet({quoted(self._compared(file.table))})"
        here = f"SELECT number, {', '.join(TIES)} FROM {here} WHERE file = {self._place_of(file)}"
        about = f"(SELECT person FROM read_parquet({quoted(affected)}))"
        ties = TIES[: len(file.table.tied)]
        wanted = [" AND ".join(f"{tie} IS NULL" for tie in ties), *(f"{tie} IN {about}" for tie in ties)]
        numbers = f"SELECT number FROM ({here}) WHERE {' OR '.join(wanted)}"
        if self._misses(file.table):
            first = _first(file)
            every = f"SELECT range AS number FROM range({first}, {first + self._rows_of(file)})"
            numbers += f" UNION ALL (FROM ({every}) ANTI JOIN ({here}) USING (number))"
        return self._excerpt(file, numbers, "read")[:2]

    def stage(self, file: Delivered, path: Path, place: Path | str) -> int:
        """Stage an excerpt."""
        return stage_excerpt(self._local, file, path, place, self._encoding)

    def has(self, table: SourceTable) -> bool:
        """Whether the files of a table were compared as lines."""
        return self._compared(table).exists()

    def _misses(self, table: SourceTable) -> bool:
        """Whether rows may be missing in what is kept: of who is excluded, where the table names the person."""
        return bool(self._exclusion.names and table.person)

    def _could_be(self, file: Delivered) -> bool:
        return file.form == "parquet" or (file.form == "csv" and self._encoding in ENCODINGS)

    def _is_lines(self, staged: Staged) -> bool:
        return self._could_be(staged.file) and (staged.file.form == "parquet" or self._staged.plain(staged.file))

    def _is_whole(self, path: Path, files: Sequence[Staged]) -> bool:
        """Whether lines and rows came in pairs: where they did not, one of them is missing beside the other."""
        ((kept, missing),) = self._tell(f"SELECT count(*), count(*) - count(line) FROM read_parquet({quoted(path)})")
        excluded = 0
        if self._misses(files[0].file.table):
            names = self._names(files[0].file.table, files)
            ((excluded,),) = self._tell(f"SELECT count(*) FROM ({names}) WHERE name IN ({self._excluded()})")
        return not missing and kept + excluded == sum(each.rows for each in files)

    def _compared(self, table: SourceTable) -> Path:
        return self._folder / f"{table.name}.parquet"

    def _is_compared(self, table: SourceTable, path: Path) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._compared(table).unlink(missing_ok=True)
        os.link(path, self._compared(table))

    def _place_of(self, file: Delivered) -> int:
        """Which file of its table it is, from 0."""
        return self._staged.files(file.table.name).index(file)

    def _rows_of(self, file: Delivered) -> int:
        return next(each.rows for each in self._staged.of(file.table.name) if each.file.id == file.id)

    def _same(self, marks: Mapping[int, str], before: Path, was: Kept) -> dict[int, int]:
        """Files of which all that was kept before is still true, and which files of their table they were then.

        Where somebody was excluded before, lines are missing: they may be wanted now.
        """
        there = set(self._tell(f"SELECT file, count(*) FROM read_parquet({quoted(before)}) GROUP BY file"))
        whole = (place for place, (_, rows) in enumerate(was.files) if rows == 0 or (place, rows) in there)
        known = {was.files[place][0]: place for place in whole}
        return {number: known[mark] for number, mark in marks.items() if mark in known}

    def _hash(self, files: Sequence[Delivered], before: Path) -> dict[int, int]:
        """Hash every line and find it among those of before; lines of each file."""
        each = " UNION ALL ".join(self._numbered(file) for file in files) or _NO_LINES
        ties = ", ".join(f"any_value({tie}) AS {tie}" for tie in TIES)
        known = f"SELECT line, {ties} FROM read_parquet({quoted(before)}) GROUP BY line"
        with self._local.in_order():
            self._do(
                f"CREATE OR REPLACE TEMP TABLE _lines AS SELECT n.file, n.number, n.line, {', '.join(TIES)}, b.line IS NULL AS new"
                f" FROM ({each}) n LEFT JOIN ({known}) b USING (line)"
            )
        found = self._local.sql.execute("SELECT file, count(*) FROM _lines GROUP BY file").fetchall()
        return {file.id: 0 for file in files} | dict(found)

    def _read_new(self, files: Sequence[Delivered], counted: dict[int, int]) -> bool:
        """Read the lines that were not there before, to see what they are tied by; False if one of them is not a row.

        A field that goes on in the next line, and an empty line, which is never one of before, become no row of an excerpt, or one of two
        lines: rows are counted.
        """
        self._do(
            f"CREATE OR REPLACE TEMP TABLE {_NEW} (line BIGINT, {', '.join(f'{tie} BIGINT' for tie in TIES)}, file INTEGER, number BIGINT)"
        )
        for file in files:
            path, lines, in_file = self._excerpt(
                file, f"SELECT number FROM _lines WHERE file = {file.id} AND new", "new"
            )
            if in_file != counted[file.id] + _first(file) - 1:
                return False
            if lines:
                if stage_excerpt(self._local, file, path, "_excerpt", self._encoding) != lines:
                    return False
                named = self._named(file.table, "_excerpt", "excerpt")
                self._look_up([named], file.table)
                ties = self._tied(
                    file.table, f"SELECT *, NULL AS line, {FILE} AS file, {LINE} AS number FROM ({named})"
                )
                self._do(f"INSERT INTO {_NEW} {ties}")
                self._local.drop("_excerpt")
            path.unlink()
        return True

    def _excerpt(self, file: Delivered, numbers: str, name: str) -> tuple[Path, int, int]:
        """An excerpt, how many lines it has, and how many the file has."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.form == "parquet":
            path = self._folder / f"{name}-{file.id}.parquet"
            ((rows,),) = self._tell(f"SELECT count(*) FROM read_parquet({quoted(file.path)})")
            return path, self._local.copy(numbers, path), rows
        path = self._folder / f"{name}-{file.id}.csv"
        wanted = [number for (number,) in self._tell(f"{numbers} ORDER BY number")]
        if not wanted and name == "new":
            path.touch()
            return path, 0, lines_of(file.path)
        return path, len(wanted), excerpt(file.path, wanted, shape(file, self._encoding).separator, path)

    def _settle(self, files: Sequence[Delivered], same: Mapping[int, int], before: Path, path: Path) -> None:
        """Keep the lines with their ties: what the next refresh compares with."""
        new = ", ".join(f"CASE WHEN l.new THEN w.{tie} ELSE l.{tie} END AS {tie}" for tie in TIES)
        of_file = " UNION ALL ".join(
            f"SELECT line, {', '.join(TIES)}, CAST({place} AS INTEGER) AS file, number"
            f" FROM read_parquet({quoted(before)}) WHERE file = {same[file.id]}"
            if file.id in same
            else f"SELECT l.line, {new}, CAST({place} AS INTEGER) AS file, l.number FROM _lines l"
            f" LEFT JOIN {_NEW} w ON l.file = w.file AND l.number = w.number WHERE l.file = {file.id}"
            for place, file in enumerate(files)
        )
        if self._misses(files[0].table):
            excluded = f"SELECT person FROM ({_keys(self._excluded())})"
            of_file = f"SELECT * FROM ({of_file}) WHERE {TIES[0]} IS NULL OR {TIES[0]} NOT IN ({excluded})"
        self._local.copy(of_file, path, in_order=True)
        self._local.drop("_lines")

    def _write(self, rows: str, table: SourceTable, path: Path) -> None:
        """Of rows with a hash and the names that tie them: their ties by key, without rows of who is excluded."""
        self._look_up([self._named_of(each) for each in self._staged.of(table.name)], table)
        if self._misses(table):
            rows = f"SELECT * FROM ({rows}) WHERE name_0 IS NULL OR name_0 NOT IN ({self._excluded()})"
        self._local.copy(self._tied(table, rows), path, in_order=True)

    def _look_up(self, named: Sequence[str], table: SourceTable) -> None:
        """Find the keys of persons once for each, not for each row."""
        persons = [n for n, tie in enumerate(table.tied) if tie.kind == PERSON]
        names = [f"SELECT name_{n} AS name FROM ({rows})" for rows in named for n in persons]
        every = " UNION ALL ".join(names) or "SELECT CAST(NULL AS VARCHAR) AS name"
        self._do(
            f"CREATE OR REPLACE TEMP TABLE _who AS {_keys(f'SELECT DISTINCT name FROM ({every}) WHERE name IS NOT NULL')}"
        )

    def _tied(self, table: SourceTable, rows: str) -> str:
        """Rows as `changes.LINES`, of those with a hash and the names that tie them: keys of persons as they were looked up."""
        joins, keys = "", []
        for number, (name, tie) in enumerate(zip_longest(TIES, table.tied)):
            if tie is None:
                keys.append(f"CAST(NULL AS BIGINT) AS {name}")
                continue
            keys.append(f"{tie.in_sql(f'r.name_{number}', f'w{number}.person')} AS {name}")
            if tie.kind == PERSON:
                joins += f" LEFT JOIN _who w{number} ON r.name_{number} = w{number}.name"
        return f"SELECT line, {', '.join(keys)}, file, number FROM ({rows}) r{joins}"

    def _named(self, table: SourceTable, place: Path | str, view: str) -> str:
        """Staged rows, with what ties them: `name_0` and so on."""
        rows = self._local.staged(f"named_{view}", [place], table.every_column)
        names = self._local.statement(Named(f"names in {table.name}", lambda: _with_names(table)))
        return f'WITH {_ROWS} AS NOT MATERIALIZED (FROM "{rows.get_name()}") {names}'

    def _named_of(self, staged: Staged) -> str:
        return self._named(staged.file.table, self._staged.place(staged), str(staged.file.id))

    def _names(self, table: SourceTable, files: Sequence[Staged]) -> str:
        return " UNION ALL ".join(f'SELECT "{table.person}" AS name FROM ({self._named_of(each)})' for each in files)

    def _excluded(self) -> str:
        if not self._exclusion.names:
            return "SELECT CAST(NULL AS VARCHAR) AS name WHERE false"
        return f"SELECT excluded AS name FROM read_parquet({quoted(self._exclusion.path)})"

    def _line_beside_row(self, staged: Staged) -> str:
        if staged.file.form == "parquet":
            return self._rows(staged)
        line = self._hashed(staged.file, "l.line")
        file = f"CAST({self._place_of(staged.file)} AS INTEGER) AS file"
        rows = f"{self._reader(staged.file)} l POSITIONAL JOIN ({self._named_of(staged)}) s"
        return f"SELECT {line} AS line, {file}, s.{LINE} AS number{_names_of(staged.file.table, 's.')} FROM {rows}"

    def _numbered(self, file: Delivered) -> str:
        """Lines with their numbers."""
        if file.form == "parquet":
            columns = parquet_columns(self._local, file)
            rows = f"SELECT {columns}, file_row_number FROM read_parquet({quoted(file.path)}, file_row_number = true)"
            line = self._hashed(file, _text(file.table))
            return f"SELECT {file.id} AS file, file_row_number + 1 AS number, {line} AS line FROM ({rows})"
        numbered = f"SELECT line AS text, row_number() OVER () + 1 AS number FROM {self._reader(file)}"
        return f"SELECT {file.id} AS file, number, {self._hashed(file, 'text')} AS line FROM ({numbered})"

    def _rows(self, staged: Staged) -> str:
        table = staged.file.table
        file = f"CAST({self._place_of(staged.file)} AS INTEGER) AS file"
        line = self._hashed(staged.file, _text(table))
        return f"SELECT {line} AS line, {file}, {LINE} AS number{_names_of(table)} FROM ({self._named_of(staged)})"

    def _reader(self, file: Delivered) -> str:
        """Each line of a file as one field. A line that is more (`_NO_SEPARATOR`) cannot be read: half of it would be hashed."""
        return (
            f"read_csv({quoted(file.path)}, auto_detect = false, header = true, delim = '{_NO_SEPARATOR}', quote = '',"
            f" escape = '', columns = {{'line': 'VARCHAR'}}, encoding = '{self._encoding}', max_line_size = {LONGEST_LINE},"
            " strict_mode = true)"
        )

    def _mark(self, file: Delivered) -> str:
        """Tells a file from all that say something else: its bytes, and how they are read."""
        with file.path.open("rb") as stream:
            read = hashlib.file_digest(stream, "sha256").hexdigest()
        return hashlib.sha256(f"{self._salt(file)} {self._encoding} {read}".encode()).hexdigest()

    def _hashed(self, file: Delivered, text: str) -> str:
        """NULL where there is no text: an empty line, or none beside a row. DuckDB's hash of NULL is a number like others."""
        return f"CASE WHEN {text} IS NOT NULL THEN CAST(hash('{self._salt(file)}' || {text}) & {(1 << 63) - 1} AS BIGINT) END"

    def _salt(self, file: Delivered) -> str:
        """Another text wherever the same line would be another row, or the same row have another hash or key."""
        written = shape(file, self._encoding) if file.form == "csv" else None
        means = [
            self._local.probe(),
            duckdb.__version__,
            file.mark,
            file.table.every_column,
            [file.table.person, *(tie.kind for tie in file.table.tied)],
            written and (written.separator, written.columns),
        ]
        return hashlib.sha256(json.dumps(means).encode()).hexdigest()[:16]

    def _do(self, statement: str) -> None:
        self._local.sql.execute(statement)

    def _tell(self, statement: str) -> list[tuple[int, ...]]:
        return self._local.sql.execute(statement).fetchall()


_NO_LINES: Final = (
    "SELECT CAST(NULL AS INTEGER) AS file, CAST(NULL AS BIGINT) AS number, CAST(NULL AS BIGINT) AS line WHERE false"
)


def _first(file: Delivered) -> int:
    """The line of a file's first row."""
    return 1 if file.form == "parquet" else 2


def _text(table: SourceTable) -> str:
    """A row as one text."""
    columns = ", ".join(f'coalesce("{column}", chr(30))' for column in table.every_column)
    return f"concat_ws(chr(31), {columns})"


def _with_names(table: SourceTable) -> ir.Table:
    rows = table_of(_ROWS, tuple(staged_types(table.every_column).items()))
    return rows.mutate(**{f"name_{number}": tie.name(rows) for number, tie in enumerate(table.tied)})


def _names_of(table: SourceTable, row: str = "") -> str:
    return "".join(f", {row}name_{number}" for number in range(len(table.tied)))


def _keys(names: str) -> str:
    """Persons by name with their keys."""
    return f"SELECT name, nexus_key('person{SEPARATOR}' || name) AS person FROM ({names})"

"""Lines of a delivery as they stand: a hash of each, and whom it is about. So a refresh sees what changed without reading fields.

Where each row of a table's files is one line, the line is hashed, and of the next delivery only lines that were not there before
are read field by field. Elsewhere (Parquet, FHIR, fields with line breaks, lines that cannot be read) rows are staged, and hashed.
The hash is DuckDB's own: it keeps no secret from whoever may read this folder, where the CDM itself lies, and costs next to nothing.
It begins with what the columns are: lines under another header, separator or secret are other lines.
"""

# ruff: noqa: S608 - statements are put together from declared columns, numbers, and paths that are quoted

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import duckdb

from nexus.warehouse.omop.delivery import Delivered, shape
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine, quoted
from nexus.warehouse.omop.excerpts import excerpt
from nexus.warehouse.omop.excluding import Exclusion
from nexus.warehouse.omop.keys import SEPARATOR
from nexus.warehouse.omop.slices import Staged
from nexus.warehouse.omop.source import FILE, SourceTable
from nexus.warehouse.omop.staged_files import StagedFiles
from nexus.warehouse.omop.staging import LONGEST_LINE, lines_of, stage_excerpt

AS_LINES: Final = "lines"
AS_ROWS: Final = "rows"
ENCODINGS: Final = ("utf-8", "latin-1")
"""In which a line break is one byte."""
_NEW: Final = "_new_lines"
_PROBE: Final = "a probe of the key"


class Lines:
    """`folder`: where the lines of a delivery that is compared are kept, until it is converted."""

    def __init__(self, local: DuckdbEngine, staged: StagedFiles, exclusion: Exclusion, folder: Path, encoding: str):
        self._local, self._staged, self._exclusion = local, staged, exclusion
        self._folder, self._encoding = folder, encoding

    def keep(self, table: SourceTable, path: Path, how: str = AS_LINES) -> str:
        """Write the hashes of a table that is staged (`changes.LINES`); says how: as lines, if so asked and each row is one."""
        files = self._staged.of(table.name)
        if how == AS_LINES and table.person and all(self._is_lines(each) for each in files):
            with self._local.in_order():
                self._write(" UNION ALL ".join(map(self._line_beside_row, files)), table, path)
            if self._is_whole(path, files):
                return AS_LINES
        self._write(" UNION ALL ".join(map(self._rows, files)), table, path)
        return AS_ROWS

    def compare(self, table: SourceTable, before: Path, path: Path) -> bool:
        """Read the files of a table as lines, beside what was kept of them `before`; write what is kept now to `path`.

        False if they cannot be read so: a line that is new is not one row, a file is no text in lines. Then nothing was written.
        """
        files = self._staged.files(table.name)
        if not (table.person and all(self._could_be(file) for file in files)):
            return False
        try:
            counted = self._hash(table, files, before)
        except duckdb.Error:
            return False
        if counted is None or not self._read_new(files, counted):
            return False
        self._settle(table, path)
        for file in files:
            self._staged.read_as_lines(file, counted[file.id])
        return True

    def excerpt(self, file: Delivered, affected: Path) -> tuple[Path, int]:
        """The lines of a file that a refresh reads: new ones, those about persons who changed, those that name nobody."""
        lines = f"read_parquet({quoted(self._kept(file.table))})"
        about = f"SELECT person FROM read_parquet({quoted(affected)})"
        wanted = f"new OR person IS NULL OR person IN ({about})"
        return self._excerpt(file, f"SELECT number FROM {lines} WHERE file = {file.id} AND ({wanted})", "read")[:2]

    def stage(self, file: Delivered, path: Path, place: Path | str) -> int:
        """Stage an excerpt."""
        return stage_excerpt(self._local, file, path, place, self._encoding)

    def has(self, table: SourceTable) -> bool:
        """Whether the files of a table were compared as lines."""
        return self._kept(table).exists()

    def _could_be(self, file: Delivered) -> bool:
        return file.form == "csv" and self._encoding in ENCODINGS

    def _is_lines(self, staged: Staged) -> bool:
        return self._could_be(staged.file) and self._staged.plain(staged.file)

    def _is_whole(self, path: Path, files: Sequence[Staged]) -> bool:
        """Whether lines and rows came in pairs: where they did not, one of them is missing beside the other."""
        ((kept, missing),) = self._tell(
            f"SELECT coalesce(sum(times), 0), count(*) - count(line) FROM read_parquet({quoted(path)})"
        )
        names = self._names(files[0].file.table, files)
        ((excluded,),) = self._tell(f"SELECT count(*) FROM ({names}) WHERE name IN ({self._excluded()})")
        return not missing and kept + excluded == sum(each.rows for each in files)

    def _kept(self, table: SourceTable) -> Path:
        return self._folder / f"{table.name}.parquet"

    def _hash(self, table: SourceTable, files: Sequence[Delivered], before: Path) -> dict[int, int] | None:
        """Hash every line and find it among those of before; lines of each file, None if one is empty."""
        each = " UNION ALL ".join(self._numbered(file) for file in files)
        with self._local.in_order():
            self._do(
                "CREATE OR REPLACE TEMP TABLE _lines AS SELECT n.file, n.number, n.line, b.person, b.line IS NULL AS new"
                f" FROM ({each}) n LEFT JOIN read_parquet({quoted(before)}) b USING (line)"
            )
        found = self._tell("SELECT file, count(*), count(line) FROM _lines GROUP BY file")
        counted = {file.id: 0 for file in files} | {file: lines for file, lines, _ in found}
        return counted if all(lines == hashed for _, lines, hashed in found) else None

    def _read_new(self, files: Sequence[Delivered], counted: dict[int, int]) -> bool:
        """Read the lines that were not there before, to see whom they are about; False if one of them is not a row."""
        self._do(f"CREATE OR REPLACE TEMP TABLE {_NEW} (file INTEGER, number BIGINT, name VARCHAR)")
        for file in files:
            path, lines, in_file = self._excerpt(
                file, f"SELECT number FROM _lines WHERE file = {file.id} AND new", "new"
            )
            if in_file != counted[file.id] + 1:
                return False
            if lines:
                if _is_open(path) or stage_excerpt(self._local, file, path, "_excerpt", self._encoding) != lines:
                    return False
                self._do(f'INSERT INTO {_NEW} SELECT {FILE}, _exact, "{file.table.person}" FROM _excerpt')
                self._local.drop("_excerpt")
            path.unlink()
        return True

    def _excerpt(self, file: Delivered, numbers: str, name: str) -> tuple[Path, int, int]:
        """An excerpt, how many lines it has, and how many the file has."""
        path = self._folder / f"{name}-{file.id}.csv"
        wanted = [number for (number,) in self._tell(f"{numbers} ORDER BY number")]
        if not wanted and name == "new":
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch()
            return path, 0, lines_of(file.path)
        return path, len(wanted), excerpt(file.path, wanted, shape(file, self._encoding).separator, path)

    def _settle(self, table: SourceTable, path: Path) -> None:
        """Keep the lines with the persons whom they are about, and what the next refresh compares with."""
        self._local.copy(
            "SELECT l.file, l.number, l.line, l.new, CASE WHEN l.new THEN k.person ELSE l.person END AS person"
            f" FROM _lines l LEFT JOIN (SELECT n.file, n.number, w.person FROM {_NEW} n JOIN"
            f" ({_keys(f'SELECT DISTINCT name FROM {_NEW} WHERE name IS NOT NULL')}) w USING (name)) k"
            " ON l.file = k.file AND l.number = k.number",
            self._kept(table),
            in_order=True,
        )
        self._local.drop("_lines")
        lines = f"read_parquet({quoted(self._kept(table))})"
        excluded = f"SELECT person FROM ({_keys(self._excluded())})"
        self._local.copy(
            _grouped(f"SELECT line, person FROM {lines} WHERE person IS NULL OR person NOT IN ({excluded})"), path
        )

    def _write(self, rows: str, table: SourceTable, path: Path) -> None:
        """Of rows with a hash and the name of a person: whose they are by key, without those of who is excluded."""
        if table.person:
            names = self._names(table, self._staged.of(table.name))
            names = f"SELECT DISTINCT name FROM ({names}) WHERE name IS NOT NULL"
            self._do(f"CREATE OR REPLACE TEMP TABLE _who AS {_keys(names)}")
            rows = (
                f"SELECT r.line, w.person FROM ({rows}) r LEFT JOIN _who w USING (name)"
                f" WHERE r.name IS NULL OR r.name NOT IN ({self._excluded()})"
            )
        else:
            rows = f"SELECT line, CAST(NULL AS BIGINT) AS person FROM ({rows})"
        self._local.copy(_grouped(rows), path)

    def _names(self, table: SourceTable, files: Sequence[Staged]) -> str:
        return " UNION ALL ".join(f'SELECT "{table.person}" AS name FROM {self._place(each)}' for each in files)

    def _excluded(self) -> str:
        if not self._exclusion.names:
            return "SELECT CAST(NULL AS VARCHAR) AS name WHERE false"
        return f"SELECT excluded AS name FROM read_parquet({quoted(self._exclusion.path)})"

    def _line_beside_row(self, staged: Staged) -> str:
        name = f'SELECT "{staged.file.table.person}" AS name FROM {self._place(staged)}'
        line = self._hashed(staged.file, "l.line")
        return f"SELECT {line} AS line, s.name FROM {self._reader(staged.file)} l POSITIONAL JOIN ({name}) s"

    def _numbered(self, file: Delivered) -> str:
        """Lines with their numbers."""
        numbered = f"SELECT line AS text, row_number() OVER () + 1 AS number FROM {self._reader(file)}"
        return f"SELECT {file.id} AS file, number, {self._hashed(file, 'text')} AS line FROM ({numbered})"

    def _rows(self, staged: Staged) -> str:
        table = staged.file.table
        text = " || chr(31) || ".join(f'coalesce("{column}", chr(30))' for column in table.every_column)
        name = f'"{table.person}"' if table.person else "CAST(NULL AS VARCHAR)"
        return f"SELECT {self._hashed(staged.file, text)} AS line, {name} AS name FROM {self._place(staged)}"

    def _reader(self, file: Delivered) -> str:
        """Each line of a file as one field."""
        return (
            f"read_csv({quoted(file.path)}, auto_detect = false, header = true, delim = '\x01', quote = '', escape = '',"
            f" columns = {{'line': 'VARCHAR'}}, encoding = '{self._encoding}', max_line_size = {LONGEST_LINE},"
            " strict_mode = false)"
        )

    def _hashed(self, file: Delivered, text: str) -> str:
        written = shape(file, self._encoding) if file.form == "csv" else None
        ((probe,),) = self._local.sql.execute("SELECT nexus_key(?)", [_PROBE]).fetchall()
        means = [
            probe,
            duckdb.__version__,
            file.mark,
            file.table.every_column,
            written and (written.separator, written.columns),
        ]
        salt = hashlib.sha256(json.dumps(means).encode()).hexdigest()[:16]
        return f"CAST(hash('{salt}' || {text}) & {(1 << 63) - 1} AS BIGINT)"

    def _place(self, staged: Staged) -> str:
        place = self._staged.place(staged)
        return place if isinstance(place, str) else f"read_parquet({quoted(place)})"

    def _do(self, statement: str) -> None:
        self._local.sql.execute(statement)

    def _tell(self, statement: str) -> list[tuple[int, ...]]:
        return self._local.sql.execute(statement).fetchall()


def _is_open(path: Path) -> bool:
    """Whether a field of some line goes on in the next. Asked of new lines only: one that was there before was a whole row."""
    with path.open("rb") as lines:
        return any(line.count(b'"') % 2 for line in lines)


def _keys(names: str) -> str:
    """Persons by name with their keys."""
    return f"SELECT name, nexus_key('person{SEPARATOR}' || name) AS person FROM ({names})"


def _grouped(rows: str) -> str:
    return f"SELECT line, person, count(*) AS times FROM ({rows}) GROUP BY line, person"

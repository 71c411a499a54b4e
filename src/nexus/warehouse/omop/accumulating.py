"""A delivery of changes alone becomes the whole delivery that results: what it replaces or removes goes, what it tells comes beside.

1. The delivery that the conversion was made of is found where it was read, and is the same files.
2. Rows of the changes are read, and `removed.csv`: which keys of which tables they touch.
3. Of each file of before, lines with these keys are left out; a file without any is linked. The changes' own files are laid beside.
4. What results is read as a whole delivery by whoever reads whole deliveries (`refreshing`): nothing else knows of changes.

docs/decisions/0030-changes-become-whole-deliveries.md says why.
"""

# ruff: noqa: S608 - statements are put together from declared columns, numbers, and paths that are quoted

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from nexus.kernel.errors import Conflict, Invalid
from nexus.warehouse.omop.delivery import MARK, Delivered, look
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine, quoted
from nexus.warehouse.omop.excerpts import without
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.removals import REMOVED, Removal, removals
from nexus.warehouse.omop.source import Source, SourceTable
from nexus.warehouse.omop.staging import Read, stage

FORMAT: Final = 1
_TOUCHED: Final = "_touched"
_ROWS: Final = "_change_rows"
_STAGED: Final = "_accumulated"


class Changes(msgspec.Struct, frozen=True):
    """What a delivery of changes did to the whole one before, in rows of the source."""

    told: int
    """Rows that it holds."""
    gone: int
    """Rows of before that were replaced or removed."""
    removed: int
    """Keys of `removed.csv` that were there."""
    unknown: int
    """Keys of `removed.csv` that were not: removed already, or never told."""


class Accumulated(msgspec.Struct, frozen=True):
    """Where the whole delivery lies that results, and how it came to be."""

    folder: str
    changes: Changes


class _Delivery(msgspec.Struct, frozen=True):
    folder: str
    files: list[tuple[str, int]]


class _Settings(msgspec.Struct, frozen=True):
    delivery: _Delivery | None = None


def accumulate(source: Source, onto: Layout, folder: Path, local: DuckdbEngine, encoding: str) -> Accumulated:
    """Apply changes to the delivery of the conversion that stands. Done again, it finds what it has done.

    Raises Conflict if that delivery is not where it was, Invalid if the changes cannot be applied by row, Damaged.
    """
    base, told = _base(source, onto)
    files = look(source, folder)
    asked = removals(source, folder)
    _require_rows(folder, files, asked)
    name = _digest(base, told, folder)
    into, report = onto.accumulated / name, onto.accumulated / f"{name}.json"
    if not report.exists():
        shutil.rmtree(into, ignore_errors=True)
        changes = _Accumulating(local, encoding).write(told, files, asked, into, own=base.parent == onto.accumulated)
        report.write_bytes(msgspec.json.encode(changes))
    return Accumulated(str(into), msgspec.json.decode(report.read_bytes(), type=Changes))


def clean(onto: Layout) -> None:
    """Remove the whole deliveries that the conversion is not made of any more."""
    delivery = _delivery(onto)
    for path in onto.accumulated.iterdir() if onto.accumulated.is_dir() else ():
        if delivery is None or path.stem != Path(delivery.folder).name:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _delivery(onto: Layout) -> _Delivery | None:
    settings = onto.state / "settings.json"
    return msgspec.json.decode(settings.read_bytes(), type=_Settings).delivery if settings.exists() else None


def _base(source: Source, onto: Layout) -> tuple[Path, tuple[Delivered, ...]]:
    """The folder that the conversion was made of, and its files, if they are the same still."""
    delivery = _delivery(onto)
    if delivery is None:
        raise Conflict(
            "no conversion stands here that changes could be applied to",
            code="omop.no-base",
            hint="convert a whole delivery into this folder first (nexus warehouse convert)",
        )
    folder = Path(delivery.folder)
    files = look(source, folder)
    if [(file.name, file.bytes) for file in files] != delivery.files:
        raise Conflict(
            "the delivery that these changes follow is not where it was read, or is not the same files",
            code="omop.base-gone",
            hint=f"put it back ({folder}), or refresh with a whole delivery",
        )
    return folder, files


def _require_rows(folder: Path, files: Sequence[Delivered], asked: Sequence[Removal]) -> None:
    if not files and not asked:
        raise Invalid(
            f"{folder.name} holds no change of this source", code="omop.no-files", hint=f"tables, or {REMOVED}"
        )
    if resources := sorted({file.name for file in files if file.form in ("fhir", "read")}):
        raise Invalid(
            f"changes are not applied to resources of FHIR: {resources[0]}",
            code="omop.changes-form",
            hint="deliver it whole",
        )


def _digest(base: Path, told: Sequence[Delivered], folder: Path) -> str:
    """Tells what results from all else: by what was there, and by every byte of the changes."""
    parts = [f"{FORMAT} {base}", *(f"{file.name} {file.bytes}" for file in told)]
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        with path.open("rb") as stream:
            parts.append(f"{path.relative_to(folder).as_posix()} {hashlib.file_digest(stream, 'sha256').hexdigest()}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


class _Accumulating:
    def __init__(self, local: DuckdbEngine, encoding: str) -> None:
        self._local, self._encoding = local, encoding

    def write(
        self, told: Sequence[Delivered], files: Sequence[Delivered], asked: Sequence[Removal], into: Path, *, own: bool
    ) -> Changes:
        """`own`: whether what was told has its place by delivery already."""
        new = into.with_name(f".{into.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700, parents=True)
        into.parent.chmod(0o700)
        rows = self._read(files, asked)
        gone = sum(self._keep(file, new / (file.name if own else f"0001/{file.name}")) for file in told)
        number = 1 + len({file.name.partition("/")[0] for file in told}) if own else 2
        for file in files:
            _link(file.path, new / f"{number:04}" / file.name)
        ((removed, unknown),) = self._ask(
            f"SELECT count(*) FILTER (WHERE there), count(*) FILTER (WHERE NOT there) FROM {_TOUCHED} WHERE removed"
        )
        new.replace(into)
        return Changes(rows, gone, int(removed), int(unknown))

    def _read(self, files: Sequence[Delivered], asked: Sequence[Removal]) -> int:
        """Which keys are touched, and what the changes say word by word; how many rows that is."""
        self._do(f"CREATE OR REPLACE TEMP TABLE {_TOUCHED} (of VARCHAR, key VARCHAR, removed BOOLEAN, there BOOLEAN)")
        self._do(f"CREATE OR REPLACE TEMP TABLE {_ROWS} (of VARCHAR, content VARCHAR)")
        rows = 0
        for file in files:
            rows += self._stage(file).rows
            name = quoted(file.table.name)
            self._do(f"INSERT INTO {_ROWS} SELECT DISTINCT {name}, {_content(file.table)} FROM {_STAGED}")
            if file.table.row:
                key = _key(file.table, file.table.row)
                self._do(
                    f"INSERT INTO {_TOUCHED} SELECT DISTINCT {name}, {key}, false, false FROM {_STAGED} WHERE {key} IS NOT NULL"
                )
        for each in asked:
            self._local.sql.execute(f"INSERT INTO {_TOUCHED} VALUES (?, ?, true, false)", [each.table, each.key])
        self._require_one_word()
        return rows

    def _require_one_word(self) -> None:
        ((both,),) = self._ask(
            f"SELECT count(*) FROM {_TOUCHED} t WHERE removed AND EXISTS (FROM {_TOUCHED} u WHERE u.of = t.of AND u.key = t.key AND NOT u.removed)"
        )
        if both:
            raise Invalid(
                f"{both:,} keys are told and removed by the same changes",
                code="omop.changes-twice",
                hint=f"a key stands in its table or in {REMOVED}, not in both",
            )

    def _keep(self, file: Delivered, path: Path) -> int:
        """A file of before without what changed; how many rows that was."""
        table = file.table
        named = [(table.name, table.row)] if table.row else []
        named += [table.within] if table.within else []
        told = [of for of, _ in named]
        if not self._is_touched(table.name, told):
            _link(file.path, path)
            return 0
        read = self._stage(file)
        for of, columns in named[:1] if table.row else ():
            self._do(
                f"UPDATE {_TOUCHED} SET there = true WHERE of = {quoted(of)} AND key IN (SELECT {_key(table, columns)} FROM {_STAGED})"
            )
        gone = [f"{_content(table)} IN (SELECT content FROM {_ROWS} WHERE of = {quoted(table.name)})"]
        gone += [
            f"coalesce({_key(table, columns)} IN (SELECT key FROM {_TOUCHED} WHERE of = {quoted(of)}), false)"
            for of, columns in named
        ]
        found = self._ask(
            f"SELECT coalesce(_exact, _first + rowid) FROM {_STAGED} WHERE {' OR '.join(gone)} ORDER BY 1"
        )
        numbers = [int(number) for (number,) in found]
        self._write_without(file, read, numbers, path)
        return len(numbers)

    def _is_touched(self, table: str, of: Iterable[str]) -> bool:
        names = ", ".join(map(quoted, of)) or "NULL"
        ((count,),) = self._ask(
            f"SELECT (SELECT count(*) FROM {_TOUCHED} WHERE of IN ({names}))"
            f" + (SELECT count(*) FROM {_ROWS} WHERE of = {quoted(table)})"
        )
        return bool(count)

    def _write_without(self, file: Delivered, read: Read, numbers: Sequence[int], path: Path) -> None:
        if not numbers:
            _link(file.path, path)
        elif file.form == "parquet":
            rows = f"read_parquet({quoted(file.path)}, file_row_number = true)"
            wanted = f"file_row_number + 1 NOT IN ({', '.join(map(str, numbers))})"
            self._local.copy(f"SELECT * EXCLUDE (file_row_number) FROM {rows} WHERE {wanted}", path, in_order=True)
        elif read.plain:
            without(file.path, numbers, path.with_name(path.name.removesuffix(".gz")))
        else:
            raise Invalid(
                f"{file.name}: changes take rows out of it, and not each of its rows is one line",
                code="omop.changes-lines",
                hint="line breaks in fields, or lines that cannot be read: deliver this one whole",
            )

    def _stage(self, file: Delivered) -> Read:
        return stage(self._local, file, _STAGED, self._encoding)

    def _do(self, statement: str) -> None:
        self._local.sql.execute(statement)

    def _ask(self, statement: str) -> list[tuple[int, ...]]:
        return self._local.sql.execute(statement).fetchall()


def _key(table: SourceTable, columns: Sequence[str]) -> str:
    """A key as `removed.csv` writes it, in SQL; NULL where a part is. What a file's name says tells keys apart too."""
    mark = f"coalesce({MARK}, '') || " if MARK in table.every_column else ""
    return mark + "'|'" + "".join(f""" || '/' || "{column}\"""" for column in columns)


def _content(table: SourceTable) -> str:
    columns = ", ".join(f'coalesce("{column}", chr(30))' for column in table.every_column)
    return f"concat_ws(chr(31), {columns})"


def _link(path: Path, into: Path) -> None:
    into.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, into)
    except OSError:  # another disk, or one that has no links
        shutil.copyfile(path, into)

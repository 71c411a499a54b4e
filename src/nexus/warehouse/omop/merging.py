"""How a refresh is put in the place of what stood: rows of persons who changed go, what was converted anew comes, in one move.

1. Beside what stands, the merged conversion is built: parts without a row of those persons are linked, others are written again.
2. It is marked whole. Until here, what stands is as it was; from here, the move is finished by whoever comes next.
3. Folder by folder takes the place of its predecessor.
"""

# ruff: noqa: S608 - statements are put together from names of tables and fields, and from paths that are quoted

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from nexus.warehouse.omop import accounts
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine, quoted
from nexus.warehouse.omop.engine import rows_in
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.spec import CONVERTED, names, primary_key, tables

_MOVED: Final = ("cdm", "provenance", "quarantine", "state", "files.parquet", "conversion.json", "refresh.json")


class Merge:
    """Of what stands (`old`) and what was converted anew (`new`) into a third folder, `made`."""

    def __init__(self, local: DuckdbEngine, old: Layout, new: Layout, *, affected: Path | None, number: int) -> None:
        """`affected`: whose rows go; everybody's if None. `number`: tells parts of this refresh from earlier ones."""
        self._local, self._old, self._new = local, old, new
        self._made, self._number, self._everything = Layout(new.into / "made"), number, affected is None
        read = f"read_parquet({quoted(affected)})" if affected else "(SELECT NULL::BIGINT AS person WHERE false)"
        local.sql.execute(f"CREATE OR REPLACE TEMP TABLE gone AS SELECT person FROM {read}")

    def run(self) -> tuple[dict[str, int], dict[str, int]]:
        """Build it: rows that went and rows that came, by table. Runs again from the start after an interruption."""
        shutil.rmtree(self._made.into, ignore_errors=True)
        for folder in (self._made.provenance, self._made.quarantine):
            folder.mkdir(parents=True)
        went: dict[str, int] = {}
        for table in tables():
            personal = "person_id" in names(table) or table == "cost"
            before = rows_in([self._old.cdm / table])
            kept = self._keep(table) if table in CONVERTED and personal and not self._everything else 0
            self._take(table, beside=bool(kept))
            went[table] = before - kept
        self._keep_quarantine()
        self._link_new(self._new.quarantine, self._made.quarantine)
        shutil.copytree(self._new.state, self._made.state, copy_function=os.link)
        self._write_files()
        came = {table: rows_in([self._new.cdm / table]) for table in tables()}
        return went, came

    def account(self) -> None:
        """The report: counts of tables are those of all that stands; the rest tells of what was converted anew."""
        report = accounts.decode(self._new.report.read_bytes())
        counted = {table: rows_in([self._made.cdm / table]) for table in CONVERTED}
        self._made.report.write_bytes(accounts.encode(accounts.with_tables(report, counted)))

    def _keep(self, table: str) -> int:
        """Parts of a table without the rows of persons who changed; how many rows stay."""
        parts = sorted((self._old.cdm / table).glob("*.parquet"))
        return sum(self._keep_part(table, part) for part in parts)

    def _keep_part(self, table: str, part: Path) -> int:
        if not (rows := rows_in([part])):
            return 0
        beside = self._old.provenance / table / part.name
        own = primary_key(table)
        if "person_id" in names(table):
            gone = f"SELECT {own} FROM {_read(part)} WHERE person_id IN (FROM gone)"
        else:
            gone = f"SELECT id FROM {_read(beside)} WHERE person IN (FROM gone)"
        self._local.sql.execute(f"CREATE OR REPLACE TEMP TABLE gone_here AS {gone}")
        ((count,),) = self._local.sql.execute("SELECT count(*) FROM gone_here").fetchall()
        for path, made, field in (
            (part, self._made.part(self._made.cdm, table, part.stem), own),
            (beside, self._made.part(self._made.provenance, table, part.stem), "id"),
        ):
            if path.exists() and count < rows:
                self._without(path, made, f"{field} IN (FROM gone_here)" if count else "")
        return rows - int(count)

    def _without(self, path: Path, made: Path, gone: str) -> None:
        """A part again, without some rows; the same part, linked, if there are none to leave out."""
        if gone:
            self._local.copy(f"SELECT * FROM {_read(path)} WHERE ({gone}) IS NOT TRUE", made)
        else:
            _link(path, made)

    def _take(self, table: str, *, beside: bool) -> None:
        """Parts that were converted anew; an empty one only where there is no other."""
        for folder, made in ((self._new.cdm, self._made.cdm), (self._new.provenance, self._made.provenance)):
            for part in sorted((folder / table).glob("*.parquet")):
                if rows_in([part]) or (not beside and folder == self._new.cdm):
                    _link(part, made / table / f"r{self._number:04}-{part.name}")

    def _keep_quarantine(self) -> None:
        """What was left out of persons who did not change; rows that name nobody were all read anew."""
        if self._everything:
            return
        for part in sorted((self._old.quarantine / "records").glob("*.parquet")):
            made = self._made.part(self._made.quarantine, "records", part.stem)
            self._without(part, made, "person IS NULL OR person IN (FROM gone)")

    def _link_new(self, folder: Path, made: Path) -> None:
        for part in sorted(folder.rglob("*.parquet")):
            _link(part, made / part.parent.relative_to(folder) / f"r{self._number:04}-{part.name}")

    def _write_files(self) -> None:
        both = [pq.read_table(layout.files) for layout in (self._old, self._new)]
        pq.write_table(pa.concat_tables(both[1:] if self._everything else both), self._made.files)


def move(old: Layout, new: Layout, progress: Callable[[str], None]) -> None:
    """Put what was merged in its place. Runs again, to its end, after an interruption at any moment."""
    made = new.into / "made"
    for name in _MOVED:
        if not (made / name).exists():
            continue
        progress(f"move {name}")
        there, aside = old.into / name, new.into / f"old-{name}"
        if there.exists():
            _remove(aside)
            there.replace(aside)
            progress(f"move {name} in")
        (made / name).replace(there)
    progress("moved")
    _remove(old.refreshed)
    new.into.replace(old.refreshed)
    clean(old)


def clean(old: Layout) -> None:
    """Remove what a refresh that is whole has left."""
    shutil.rmtree(old.refreshed, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _link(path: Path, made: Path) -> None:
    made.parent.mkdir(parents=True, exist_ok=True)
    os.link(path, made)


def _read(path: Path) -> str:
    return f"read_parquet({quoted(path)})"

"""What a conversion remembers for its refresh, and the comparison of a delivery with what was remembered.

Everything is converted anew, instead of what has changed, where a record could follow from more than its person's rows: tables about
nobody changed, vocabularies or mappings are others, the day of the delivery lies before.
"""

# ruff: noqa: S608 - statements are put together from names of columns, and from tables and paths that are quoted

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq

from nexus.kernel.errors import Conflict
from nexus.warehouse.omop.changes import LINES, Only, differing
from nexus.warehouse.omop.delivery import Delivered
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine, quoted
from nexus.warehouse.omop.excluding import Exclusion
from nexus.warehouse.omop.following import Following
from nexus.warehouse.omop.layout import QUARANTINE, Layout
from nexus.warehouse.omop.lines import AS_LINES, Kept, Lines
from nexus.warehouse.omop.problems import Reason
from nexus.warehouse.omop.source import Source, SourceTable
from nexus.warehouse.omop.steps import FORMAT, Steps
from nexus.warehouse.omop.ties import TIES

_PEOPLE: Final = {"person_id": "int64"}


class Remembering:
    """`before`: the conversion that is refreshed, if one is. Once `compare` has told it: `only`, whose rows are read."""

    def __init__(
        self,
        source: Source,
        layout: Layout,
        fixed: dict[str, str],
        *,
        local: DuckdbEngine,
        steps: Steps,
        before: Layout | None,
        exclusion: Exclusion,
    ) -> None:
        self._source, self._layout, self._fixed, self._exclusion = source, layout, fixed, exclusion
        self._local, self._steps, self._before = local, steps, before
        self.only: Only | None = None

    def remember(self, table: str, lines: Lines) -> None:
        """Keep the hashes of a table's rows, with the keys of persons."""
        if self._how(table) is None:
            declared, path = self._source.table(table), self._layout.state / f"{table}.parquet"
            was, kept = self._kept_before(table), None
            if self._before is not None and was is not None and was.how == AS_LINES:
                kept = lines.compare(declared, self._before.state / path.name, was, path)
            self._steps.done(_step(table), kept or lines.keep(declared, path, AS_LINES if was is None else was.how))

    def has_vocabularies(self) -> bool:
        """Whether the conversion that is refreshed was made by the vocabularies that are given now."""
        before = self._before
        return before is not None and self._can_compare(before) and self._was(before)["given"] == self._fixed["given"]

    def _how(self, table: str) -> Kept | None:
        counted = self._steps.counted(_step(table))
        return None if counted is None else Kept(*counted)

    def _kept_before(self, table: str) -> Kept | None:
        """How a table was kept by the conversion that is refreshed; None if it was not, or as another version keeps it."""
        if self._before is None or not self._can_compare(self._before):
            return None
        counted = self._was(self._before)["how"].get(table)
        return None if counted is None else Kept(*counted)

    def settings(self, folder: Path, files: Sequence[Delivered]) -> None:
        """Keep by what settings this was converted, and where the delivery was read."""
        new = self._layout.state / ".settings.new"
        how = {table.name: kept for table in self._source.tables if (kept := self._how(table.name))}
        delivery = {"folder": str(folder.resolve()), "files": [[file.name, file.bytes] for file in files]}
        new.write_text(json.dumps({**self._settings(), "how": how, "delivery": delivery}, sort_keys=True))
        new.replace(self._layout.state / "settings.json")

    def compare(self) -> None:
        """Find whose rows have changed; count them. Raises Conflict if the conversion is of another source or key."""
        if self._before is None:
            return
        path = self._layout.work / "read.parquet"
        counted = self._steps.counted("affected")
        if counted is None:
            counted = self._compared(self._before, path)
            self._steps.done("affected", counted)
        self.only = None if counted["everything"] else Only(path)

    def _compared(self, before: Layout, read: Path) -> dict[str, Any]:
        old, new = self._persons("before", before), self._persons("now", self._layout)
        affected = self._differing(before) if self._can_compare(before) else [new]
        affected += self._objecting(before, new)
        if self._was(before)["as_of"] < self._settings()["as_of"]:
            affected.append(f"{new} INTERSECT {self._left_out(before, Reason.FUTURE)}")
        path = self._layout.work / "affected.parquet"
        Following(self._source, self._local, before, self._layout).write(_either(affected), path, read)
        changed = f"SELECT person FROM read_parquet({quoted(path)})"
        return {
            "everything": self._why_everything(before),
            "added": self._count(f"{changed} INTERSECT {new} EXCEPT {old}"),
            "removed": self._count(f"{changed} INTERSECT {old} EXCEPT {new}"),
            "changed": self._count(f"{changed} INTERSECT {old} INTERSECT {new}"),
            "persons": self._count(new),
        }

    def _why_everything(self, before: Layout) -> str:
        """A word, or nothing."""
        was, now = self._was(before), self._settings()
        if (was["source"], was["key"]) != (now["source"], now["key"]):
            raise Conflict(
                "this is a conversion of another source, or by another key",
                code="omop.other-base",
                hint="give the key of the conversion (--key), or convert into another folder",
            )
        if not self._can_compare(before):
            return "version"
        if was["given"] != now["given"]:
            return "vocabularies"
        if was["as_of"] > now["as_of"]:
            return "as-of"
        about_nobody = [table for table in self._source.tables if not table.tied]
        same = (self._count(self._differing_in(before, table)) == 0 for table in about_nobody)
        return "" if all(same) else "shared-tables"

    def _differing(self, before: Layout) -> list[str]:
        personal = [table for table in self._source.tables if table.tied]
        return [self._differing_in(before, table) for table in personal if not self._is_linked(before, table)]

    def _differing_in(self, before: Layout, table: SourceTable) -> str:
        was, now = (
            self._of(f"{when}_{table.name}", [layout.state / f"{table.name}.parquet"], LINES)
            for when, layout in (("before", before), ("now", self._layout))
        )
        return differing(was, now, personal=bool(table.tied))

    def _is_linked(self, before: Layout, table: SourceTable) -> bool:
        """Whether what is kept of a table is the very file that was kept of it before."""
        old, new = (layout.state / f"{table.name}.parquet" for layout in (before, self._layout))
        return old.exists() and new.exists() and old.samefile(new)

    def _objecting(self, before: Layout, now: str) -> list[str]:
        """Of tables that do not name the person, whose rows are kept all the same: who objects now, or did before, and not both."""
        then = self._left_out(before, Reason.OBJECTED)
        mine = f"({now} INTERSECT {self._local.statement(self._exclusion.keys(self._local))})"
        return [f"({mine} EXCEPT {then})", f"({then} EXCEPT {mine})"]

    def _left_out(self, before: Layout, reason: Reason) -> str:
        rows = self._of("left_out", [before.quarantine], QUARANTINE)
        return f"(SELECT DISTINCT person FROM {rows} WHERE reason = {quoted(reason.value)} AND person IS NOT NULL)"

    def _persons(self, when: str, layout: Layout) -> str:
        """By key. Of a conversion that kept something else, those whom its CDM holds."""
        if layout is self._before and not self._can_compare(layout):
            return f"(SELECT person_id AS person FROM {self._of('people_before', [layout.cdm / 'person'], _PEOPLE)})"
        paths = [layout.state / f"{table.name}.parquet" for table in self._source.tables if self._names_persons(table)]
        told = self._of(f"persons_{when}", [path for path in paths if path.exists()], LINES)
        return f"(SELECT DISTINCT {TIES[0]} AS person FROM {told} WHERE {TIES[0]} IS NOT NULL)"

    def _of(self, name: str, paths: Sequence[Path], columns: Mapping[str, str]) -> str:
        """Files as a table, in SQL."""
        return f'"{self._local.read(name, paths, columns).get_name()}"'

    def _names_persons(self, table: SourceTable) -> bool:
        """Whether the first tie of its rows is what their person is called, and not by which he may be found."""
        mine = (mapping for mapping in self._source.mappings if mapping.driver == table.name)
        return bool(table.person) or any("person" in mapping.targets for mapping in mine)

    def _can_compare(self, before: Layout) -> bool:
        return bool(self._was(before)["format"] == FORMAT)

    def _count(self, select: str) -> int:
        ((count,),) = self._local.sql.execute(f"SELECT count(*) FROM ({select})").fetchall()
        return int(count)

    def _was(self, before: Layout) -> dict[str, Any]:
        return dict(json.loads((before.state / "settings.json").read_bytes()))

    def _settings(self) -> dict[str, Any]:
        return {"source": self._source.name, "format": FORMAT, "key": self._local.probe(), **self._fixed}


def _either(selects: Sequence[str]) -> str:
    """All persons of several statements, once each."""
    return " UNION ".join(f"SELECT person FROM ({select})" for select in selects)


def _step(table: str) -> str:
    return f"remembered-{table}"


def last_file(layout: Layout) -> int:
    """The highest number that a file has in a conversion."""
    return max(pq.read_table(layout.files, columns=["file"]).column("file").to_pylist(), default=0)

"""What a conversion remembers for its refresh, and the comparison of a delivery with what was remembered.

Everything is converted anew, instead of what has changed, where a record could follow from more than its person's rows: tables about
nobody changed, vocabularies or mappings are others, the day of the delivery lies before, a table has no column for the person.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow.parquet as pq

from nexus.kernel.errors import Conflict
from nexus.warehouse.omop.changes import AFFECTED, DIGESTS, Only, differing, digests
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.engine import Engine
from nexus.warehouse.omop.layout import QUARANTINE, Layout
from nexus.warehouse.omop.problems import Reason
from nexus.warehouse.omop.source import Source, is_personal
from nexus.warehouse.omop.steps import FORMAT, Steps

_PROBE: Final = "a probe of the key"


class Remembering:
    """`before`: the conversion that is refreshed, if one is. `only`: whose rows are read, once `compare` has told it."""

    def __init__(
        self,
        source: Source,
        layout: Layout,
        fixed: dict[str, str],
        *,
        engine: Engine,
        local: DuckdbEngine,
        steps: Steps,
        before: Layout | None,
    ) -> None:
        self._source, self._layout, self._fixed = source, layout, fixed
        self._engine, self._local, self._steps, self._before = engine, local, steps, before
        self.only: Only | None = None

    def remember(self, table: str, rows: Callable[[], ir.Table]) -> None:
        """Keep the digests of a table, by the keys that persons have in the CDM."""
        if self._steps.counted(f"remembered-{table}") is None:
            self._layout.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            declared = self._source.table(table)
            expr = digests(rows(), declared.every_column, declared.person)
            self._engine.write(expr, self._layout.state / f"{table}.parquet")
            self._steps.done(f"remembered-{table}", True)

    def settings(self) -> None:
        """Keep by what settings this was converted."""
        new = self._layout.state / ".settings.new"
        new.write_text(json.dumps(self._settings(), sort_keys=True))
        new.replace(self._layout.state / "settings.json")

    def compare(self) -> None:
        """Find whose rows have changed; count them. Raises Conflict if the conversion is of another source or key."""
        if self._before is None:
            return
        path = self._layout.work / "affected.parquet"
        counted = self._steps.counted("affected")
        if counted is None:
            counted = self._compared(self._before, path)
            self._steps.done("affected", counted)
        self.only = None if counted["everything"] else Only(path)

    def _compared(self, before: Layout, path: Path) -> dict[str, Any]:
        affected = self._differing(before)
        if self._was(before)["as_of"] < self._settings()["as_of"]:
            affected = affected.union(self._no_longer_future(before), distinct=True)
        self._local.write(affected.select("person"), path)
        old, new = self._persons(before), self._persons(self._layout)
        changed = self._local.read("affected", [path], AFFECTED)
        return {
            "everything": self._why_everything(before),
            "added": self._count(changed.anti_join(old, "person")),
            "removed": self._count(changed.anti_join(new, "person")),
            "changed": self._count(changed.semi_join(old, "person").semi_join(new, "person")),
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
        if was["format"] != now["format"]:
            return "version"
        if was["given"] != now["given"]:
            return "vocabularies"
        if was["as_of"] > now["as_of"]:
            return "as-of"
        drivers = {mapping.driver for mapping in self._source.mappings if is_personal(mapping)}
        if not all(self._source.table(driver).person for driver in drivers):
            return "source"
        about_nobody = [table.name for table in self._source.tables if not table.person]
        same = (self._count(differing(*self._both(before, name))) == 0 for name in about_nobody)
        return "" if all(same) else "shared-tables"

    def _differing(self, before: Layout) -> ir.Table:
        found = [differing(*self._both(before, table.name)) for table in self._source.tables if table.person]
        return ibis.union(*found, distinct=True) if len(found) > 1 else found[0]

    def _no_longer_future(self, before: Layout) -> ir.Table:
        """Who has a row that lay after the day of the delivery before."""
        left_out = self._local.read("left_out", [before.quarantine], QUARANTINE)
        keys = left_out.filter(left_out.reason == Reason.FUTURE.value).select(_key="person").distinct()
        now = self._persons(self._layout)
        return now.semi_join(keys, now.person == keys._key).select("person")

    def _both(self, before: Layout, table: str) -> tuple[ir.Table, ir.Table]:
        def read(when: str, layout: Layout) -> ir.Table:
            return self._local.read(f"{when}_{table}", self._remembered(layout, table), DIGESTS)

        return read("before", before), read("now", self._layout)

    def _persons(self, layout: Layout) -> ir.Table:
        paths = [path for table in self._source.tables if table.person for path in self._remembered(layout, table.name)]
        name = "persons_before" if layout is self._before else "persons_now"
        return self._local.read(name, paths, DIGESTS).select("person").distinct()

    def _remembered(self, layout: Layout, table: str) -> list[Path]:
        """Where the digests of a table are; nowhere if another version of Nexus kept them: then everything is new."""
        path = layout.state / f"{table}.parquet"
        known = layout is not self._before or self._was(layout)["format"] == FORMAT
        return [path] if known and path.exists() else []

    def _count(self, rows: ir.Table) -> int:
        return int(self._local.rows(rows.aggregate(n=rows.count()))[0][0])

    def _was(self, before: Layout) -> dict[str, Any]:
        return dict(json.loads((before.state / "settings.json").read_bytes()))

    def _settings(self) -> dict[str, Any]:
        ((key,),) = self._local.sql.execute("SELECT nexus_key(?)", [_PROBE]).fetchall()
        return {"source": self._source.name, "format": FORMAT, "key": key, **self._fixed}


def last_file(layout: Layout) -> int:
    """The highest number that a file has in a conversion."""
    return max(pq.read_table(layout.files, columns=["file"]).column("file").to_pylist(), default=0)

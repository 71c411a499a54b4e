"""Refresh: the next whole delivery is applied to a conversion that stands, as additions, changes and removals.

1. The delivery is read, and each person's rows are compared with those of the delivery before (`changes`, `remembering`).
2. Persons who changed are converted anew, beside what stands, by the same `Converter`; those who are not delivered any more are not.
3. Both are merged, and the result is put in the place of what stood (`merging`).

The CDM is then what a conversion of the new delivery alone would be, row by row. An interrupted refresh goes on where it was.
"""

from pathlib import Path
from typing import Final

import msgspec

from nexus.kernel.errors import Conflict
from nexus.warehouse.omop.converting import Converter, Progress, Settings
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.merging import Merge, clean, move
from nexus.warehouse.omop.source import Source
from nexus.warehouse.omop.steps import Steps

_REPORT: Final = "refresh.json"


class Refreshed(msgspec.Struct, frozen=True):
    """What a refresh changed: persons, and rows of the CDM by table that went and that came."""

    number: int
    everything: str
    """Why everything was converted anew; empty if what had changed was enough."""
    persons: int
    added: int
    changed: int
    removed: int
    went: dict[str, int]
    came: dict[str, int]


class Refresher:
    """Of one conversion, `onto`, which stays as it is until all is done. Files are staged and mapped by DuckDB."""

    def __init__(
        self,
        source: Source,
        onto: Layout,
        settings: Settings,
        *,
        local: DuckdbEngine,
        progress: Progress = lambda step, done, total: None,
    ) -> None:
        self._source, self._onto, self._settings = source, onto, settings
        self._local, self._progress = local, progress
        self._new = Layout(onto.refresh)

    def run(self, folder: Path) -> Refreshed:
        """Apply a delivery. Raises what a conversion raises, and Conflict if no whole conversion stands here."""
        steps = Steps(self._new.work / "done")
        merged = steps.counted("merged")
        if merged not in (None, str(folder.resolve())):
            self._move()
            merged = None
        if merged is None:
            self._check()
            self._convert(folder)
            self._merge(steps, folder)
        self._move()
        return msgspec.json.decode((self._onto.into / _REPORT).read_bytes(), type=Refreshed)

    def finish(self) -> None:
        """Move in what an interrupted refresh has merged, if it has: then what stands is what was merged last."""
        if Steps(self._new.work / "done").counted("merged") is not None:
            self._move()

    def _move(self) -> None:
        move(self._onto, self._new, lambda step: self._progress(step, 0, 0))

    def _check(self) -> None:
        clean(self._onto)
        if not (self._onto.report.exists() and (self._onto.state / "settings.json").exists()):
            raise Conflict(
                "no conversion stands here that could be refreshed",
                code="omop.no-base",
                hint="convert a whole delivery into this folder first (nexus warehouse convert)",
            )

    def _convert(self, folder: Path) -> None:
        Converter(
            self._source,
            self._new,
            self._settings,
            engine=self._local,
            local=self._local,
            progress=self._progress,
            onto=self._onto,
        ).run(folder)

    def _require_most(self, went: int, came: int) -> None:
        """What holds a month, or was cut short, reads as if everybody else had left: that is never applied unasked."""
        stood = msgspec.json.decode(self._onto.report.read_bytes())["tables"].get("person", 0)
        if 2 * (stood - went + came) < stood and not self._settings.smaller:
            raise Conflict(
                f"this delivery would take {went - came:,} of {stood:,} persons away",
                code="omop.smaller",
                hint="a delivery is a whole extract: give that (--again), or allow it to be smaller (--smaller)",
            )

    def _merge(self, steps: Steps, folder: Path) -> None:
        self._progress("merge", 0, 0)
        counted = steps.counted("affected")
        number = _number(self._onto) + 1
        affected = None if counted["everything"] else self._new.work / "affected.parquet"
        merge = Merge(self._local, self._onto, self._new, affected=affected, number=number)
        went, came = merge.run()
        self._require_most(went.get("person", 0), came.get("person", 0))
        merge.account()
        report = Refreshed(
            number=number,
            **counted,
            went={table: rows for table, rows in went.items() if rows},
            came={table: rows for table, rows in came.items() if rows},
        )
        (self._new.into / "made" / _REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
        steps.done("merged", str(folder.resolve()))


def _number(onto: Layout) -> int:
    """How many times a conversion has been refreshed."""
    report = onto.into / _REPORT
    return msgspec.json.decode(report.read_bytes(), type=Refreshed).number if report.exists() else 0

"""A whole conversion: stage, load vocabularies, map piece by piece, settle keys, make eras and periods, count."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from nexus.kernel.errors import Invalid
from nexus.warehouse.omop import accounts, coverage, vocabulary
from nexus.warehouse.omop.accounts import Conversion, Outcome
from nexus.warehouse.omop.changes import Only
from nexus.warehouse.omop.delivery import Delivered, find
from nexus.warehouse.omop.derived import derive, describe
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.engine import Engine, Named, rows_in
from nexus.warehouse.omop.events import resolved
from nexus.warehouse.omop.excluding import Exclusion, NoOne
from nexus.warehouse.omop.keys import nexus_last
from nexus.warehouse.omop.layout import FILES, QUARANTINE, Layout, write_rows
from nexus.warehouse.omop.lines import Lines
from nexus.warehouse.omop.narrowing import Narrowed
from nexus.warehouse.omop.piece import Tally, convert, of_direct, sums
from nexus.warehouse.omop.ports import Excluded
from nexus.warehouse.omop.problems import Reason
from nexus.warehouse.omop.references import REFERRED, Known
from nexus.warehouse.omop.remembering import Remembering, last_file
from nexus.warehouse.omop.removals import REMOVED, is_there
from nexus.warehouse.omop.slices import Reading, Slice, Staged, Stages, slices
from nexus.warehouse.omop.source import CLINICAL, AnyMapping, Coded, Direct, Source, is_personal
from nexus.warehouse.omop.spec import CONVERTED, primary_key, tables
from nexus.warehouse.omop.staged_files import StagedFiles
from nexus.warehouse.omop.staging import check_encoding
from nexus.warehouse.omop.steps import Steps
from nexus.warehouse.omop.uniqueness import moved_duplicates, settle

PIECE: Final = 4_000_000
"""Rows of a driver that are converted at once: about 1 GB in memory."""
Expression = Callable[[], ir.Table]
Progress = Callable[[str, int, int], None]
"""Called with a step, and with how many rows of how many are behind it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to convert. `as_of`: a day after which nothing can have happened yet."""

    as_of: date
    given: vocabulary.Given = field(default_factory=vocabulary.Given)
    encoding: str = "utf-8"
    piece: int = PIECE
    excluded: Excluded = field(default_factory=NoOne)
    smaller: bool = False
    """Whether a refresh may take more than half of the persons away."""

    @property
    def fixed(self) -> dict[str, str]:
        """What may not change between a conversion and its refresh, unless everything is converted anew."""
        return {"as_of": self.as_of.isoformat(), "given": repr(self.given.seen())}


def _require_whole(source: Source, folder: Path, files: Sequence[Delivered]) -> None:
    """Raises Invalid where everything would end in quarantine, for want of anybody whom it could be about, and for changes."""
    if is_there(folder):
        raise Invalid(
            f"this delivery holds {REMOVED}: it tells what changed, and not everything",
            code="omop.changes",
            hint="apply it as changes to the conversion that stands (nexus warehouse refresh --changes)",
        )
    drivers = {
        mapping.driver for mapping in source.mappings if isinstance(mapping, Direct) and mapping.target == "person"
    }
    if not drivers & {file.table.name for file in files}:
        raise Invalid(
            "this delivery has no table of persons",
            code="omop.no-persons",
            hint="what changed since the last delivery is applied by nexus warehouse refresh --changes;"
            f" a whole one has persons in: {', '.join(sorted(drivers))}",
        )


class Converter:
    """One conversion of one delivery. `engine` maps; `local` stages files and loads vocabularies (DuckDB, always)."""

    def __init__(
        self,
        source: Source,
        layout: Layout,
        settings: Settings,
        *,
        engine: Engine,
        local: DuckdbEngine,
        progress: Progress = lambda step, done, total: None,
        onto: Layout | None = None,
    ) -> None:
        """`onto`: an earlier conversion. What is written is then what differs from it (`refreshing` merges both)."""
        check_encoding(settings.encoding)
        self._source, self._layout, self._engine, self._local = source, layout, engine, local
        self._settings, self._progress = settings, progress
        self._steps = Steps(layout.work / "done")
        names = tuple(sorted(set(settings.excluded.persons())))
        self._exclusion = Exclusion(layout.work / "excluded.parquet", names)
        self._memory = Remembering(
            source, layout, settings.fixed, local=local, steps=self._steps, before=onto, exclusion=self._exclusion
        )
        self._onto = onto
        self._narrowed: Narrowed | None = None

    def run(self, folder: Path) -> Conversion:
        """Convert a delivery. Raises Invalid, Damaged, Conflict, Unavailable; run again, it goes on where it was."""
        files = find(self._source, folder, after=0 if self._onto is None else last_file(self._onto))
        _require_whole(self._source, folder, files)
        self._begin(files)
        self._local.recall(self._source, (self._onto or self._layout).statements)
        self._engine.until(self._settings.as_of)
        staged = self._staged(files)
        staged.check()
        lines = Lines(self._local, staged, self._exclusion, self._layout.work / "lines", self._settings.encoding)
        self._load_vocabularies()
        self._affected(staged, lines)
        outcomes = [self._map(mapping, staged, lines) for mapping in self._source.mappings if staged.of(mapping.driver)]
        for table in CONVERTED:
            self._progress(f"keys of {table}", 0, 0)
            settle(self._engine, self._layout, table)
        self._progress("eras and periods", 0, 0)
        derive(self._engine, self._layout, self._source)
        describe(self._layout, self._source, self._settings.as_of, str(self._steps.counted("vocabulary")))
        self._write_empty()
        delivered = staged.all()
        for declared in self._source.tables:
            self._remember(staged, lines, declared.name)
        self._memory.settings(folder, files)
        self._write_files(delivered)
        conversion = self._account(delivered, outcomes)
        self._local.keep_statements(self._layout.statements)
        self._layout.report.write_bytes(accounts.encode(conversion))
        if self._onto is None:
            shutil.rmtree(self._layout.work, ignore_errors=True)
        return conversion

    def _affected(self, staged: StagedFiles, lines: Lines) -> None:
        """Of a refresh: whose rows have changed."""
        if self._onto is not None:
            for table in self._source.tables:
                staged.let_go()
                self._progress(f"compare {table.name}", 0, 0)
                self._remember(staged, lines, table.name)
            self._memory.compare()
        if only := self._memory.only:
            self._narrowed = Narrowed(staged, lines, self._local, only.path)

    def _remember(self, staged: StagedFiles, lines: Lines, table: str) -> None:
        if staged.files(table):
            self._memory.remember(table, lines)

    def _reading(self, stages: Stages, table: str, piece: Slice, only: Only | None) -> Reading:
        return Reading(self._engine, self._source, stages, self._codes(), table, piece, self._exclusion, only)

    def _begin(self, files: tuple[Delivered, ...]) -> None:
        settings: dict[str, Any] = {
            "source": self._source.name,
            "engine": self._engine.name,
            "as_of": self._settings.as_of.isoformat(),
            "encoding": self._settings.encoding,
            "piece": self._settings.piece,
            "given": str(self._settings.given),
            "excluded": self._exclusion.digest,
        }
        if self._steps.counted("begun") is None:
            self._layout.clear()
        self._layout.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._steps.begin(settings, [file.path for file in files])
        self._exclusion.write()

    def _staged(self, files: tuple[Delivered, ...]) -> StagedFiles:
        return StagedFiles(
            self._local,
            files,
            self._layout.work / "staged",
            self._steps,
            encoding=self._settings.encoding,
            keeps=self._engine is self._local,
            progress=lambda step: self._progress(step, 0, 0),
        )

    def _load_vocabularies(self) -> None:
        if self._steps.counted("vocabulary") is None:
            self._progress("vocabularies", 0, 0)
            if self._onto is not None and self._memory.has_vocabularies():
                vocabulary.take_over(self._onto, self._layout)
                version = accounts.decode(self._onto.report.read_bytes()).vocabulary_version
            else:
                vocabulary.load(self._local, self._settings.given, self._layout, (self._onto or self._layout).ids)
                version = vocabulary.version(self._local)
            self._steps.done("vocabulary", version)

    def _map(self, mapping: AnyMapping, staged: StagedFiles, lines: Lines) -> Outcome:
        tallies: list[Tally] = []
        staged.let_go()
        self._remember(staged, lines, mapping.driver)
        stages = self._stages(mapping, staged)
        mine = stages.of(mapping.driver)
        total, done = sum(each.rows for each in mine), 0
        for number, piece in enumerate(slices(mine, self._settings.piece, whole=not mapping.by_piece)):
            name = f"{mapping.name}-{number:04}"
            self._progress(mapping.name, done, total)
            counted = self._steps.counted(name)
            if counted is None:
                counted = [asdict(tally) for tally in self._map_piece(mapping, stages, piece, name)]
                self._steps.done(name, counted)
            tallies += [Tally(**tally) for tally in counted]
            done += piece.rows
        return _outcome(mapping, total, tallies)

    def _stages(self, mapping: AnyMapping, staged: StagedFiles) -> Stages:
        """What a mapping reads: of a refresh, no more than it must. What is about nobody follows from every row."""
        if self._narrowed is None:
            return staged
        self._narrowed.let_go()
        return self._narrowed if is_personal(mapping) else staged

    def _map_piece(self, mapping: AnyMapping, stages: Stages, piece: Slice, name: str) -> list[Tally]:
        only = self._memory.only if is_personal(mapping) else None
        reading = self._reading(stages, mapping.driver, piece, only)
        tallies = convert(
            self._engine, self._layout, self._records(mapping, reading), name, coded=isinstance(mapping, Coded)
        )
        return [*tallies, *self._objected(mapping, reading)]

    def _records(self, mapping: AnyMapping, reading: Reading) -> Named:
        """What a mapping makes of what it reads. Whatever it asks engines for beside tables of the source is in its place before."""
        reading.driver()
        known, units = self._known(), self._units()
        excluding = mapping.targets == ("person",)
        marked = self._exclusion.marking(self._engine) if excluding else _as_they_are

        def make() -> ir.Table:
            records = mapping.build(reading)
            if isinstance(mapping, Direct):
                return of_direct(marked(records), mapping, known())
            last = ibis.literal(date.max) if mapping.driver in self._source.shifted else nexus_last()
            return resolved(records, mapping, reading.codes(), units(), known=known(), last=last)

        marks = " marked" if excluding and self._exclusion.names else ""
        return Named(f"{mapping.name}{marks}", make, reading.asked, reading.whole)

    def _objected(self, mapping: AnyMapping, reading: Reading) -> list[Tally]:
        """How many rows of this piece were not read because of whom they are about."""
        person = self._source.table(mapping.driver).person
        if not self._exclusion.concerns(person):
            return []
        every, without = reading.every_row(), self._exclusion.without(self._engine, person)
        asked = (
            Named(f"every row of {mapping.driver}", lambda: every.aggregate(n=every.count())),
            Named(f"others of {mapping.driver}", lambda: without(every).aggregate(n=lambda rows: rows.count())),
        )
        ((all_rows,),), ((others,),) = (self._engine.rows(each) for each in asked)
        target = CLINICAL[mapping.domain] if isinstance(mapping, Coded) else mapping.target
        return [Tally(target, Reason.OBJECTED, int(all_rows) - int(others))] if all_rows > others else []

    def _codes(self) -> Expression:
        codes = self._engine.read("codes", [self._layout.codes], vocabulary.CODES)
        return lambda: codes.filter(codes.vocabulary_id.isin(self._source.vocabularies))

    def _units(self) -> Expression:
        codes = self._engine.read("codes", [self._layout.codes], vocabulary.CODES)

        def make() -> ir.Table:
            units = codes.filter((codes.vocabulary_id == "UCUM") & (codes.position == 0))
            return units.select(unit_code=units.map_code, unit_concept_id=units.concept_id)

        return make

    def _known(self) -> Callable[[], Known]:
        def keys(table: str, *more: str) -> ir.Table:
            field = primary_key(table)
            types = {each.name: each.type for each in tables()[table] if each.name in (field, *more)}
            return self._engine.read(f"known_{table}", [self._layout.cdm / table], types)

        persons, others = keys("person", "year_of_birth"), {table: keys(table) for table in REFERRED.values()}
        twice = any(
            isinstance(mapping, Direct) and mapping.later and mapping.target == "person"
            for mapping in self._source.mappings
        )

        def make() -> Known:
            # Until keys are settled, somebody of whom two sources tell stands there twice; what happened to her did not happen twice.
            once = persons.group_by("person_id").aggregate(year_of_birth=persons.year_of_birth.min())
            return Known(once if twice else persons, others)

        return make

    def _write_empty(self) -> None:
        """Tables that hold nothing are there all the same: a CDM has all of them."""
        for table, fields in tables().items():
            if not any((self._layout.cdm / table).rglob("*.parquet")):
                columns = {each.name: each.type for each in fields}
                write_rows(self._layout.part(self._layout.cdm, table, "part-0"), columns, [])

    def _write_files(self, staged: list[Staged]) -> None:
        files = [(s.file.id, s.file.name, s.file.table.name, s.file.bytes, s.rows) for s in staged]
        write_rows(self._layout.files, FILES, files)
        lines = [
            (s.file.table.name, Reason.UNREADABLE.value, s.file.id, line, None) for s in staged for line in s.unreadable
        ]
        if lines:
            write_rows(self._layout.part(self._layout.quarantine, "records", "unreadable"), QUARANTINE, lines)

    def _account(self, staged: list[Staged], outcomes: list[Outcome]) -> Conversion:
        counts = self._engine.read("coverage", [self._layout.work / "coverage"], coverage.COUNTS)
        return Conversion(
            source=self._source.name,
            engine=self._engine.name,
            vocabulary_version=str(self._steps.counted("vocabulary")),
            as_of=self._settings.as_of.isoformat(),
            files=[
                accounts.Delivered(s.file.name, s.file.table.name, s.file.bytes, s.rows, len(s.unreadable))
                for s in staged
            ],
            outcomes=outcomes,
            tables={table: rows_in([self._layout.cdm / table]) for table in CONVERTED},
            coverage=coverage.summed(self._engine, counts),
            duplicates=self._duplicates(),
        )

    def _duplicates(self) -> dict[str, int]:
        """Of pieces that tell what a piece before them has told."""
        moved = self._engine.read("twice", moved_duplicates(self._layout), QUARANTINE)
        counts = Named("duplicates", lambda: moved.group_by("target").aggregate(n=moved.count()))
        return {str(target): int(count) for target, count in sorted(self._engine.rows(counts))}


def _as_they_are(records: ir.Table) -> ir.Table:
    return records


def _outcome(mapping: AnyMapping, rows: int, tallies: list[Tally]) -> Outcome:
    written: dict[str, int] = {}
    left_out: dict[str, dict[str, int]] = {}
    for tally in sums(tallies):
        if tally.reason:
            left_out.setdefault(tally.target, {})[tally.reason] = tally.records
        else:
            written[tally.target] = tally.records
    return Outcome(mapping.name, mapping.driver, rows, written, left_out)

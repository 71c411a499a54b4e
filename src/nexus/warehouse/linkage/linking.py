"""From folders of extracts to who is who."""

import csv
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import duckdb
import msgspec

from nexus.warehouse.linkage import deterministic, probabilistic, records
from nexus.warehouse.linkage.merging import Known, merge
from nexus.warehouse.linkage.model import Doubt, Edge, Report, Review, Rule, Thresholds

PERSONS: Final = "persons.csv"
REVIEW: Final = "review.csv"
REPORT: Final = "linkage.json"

Local = tuple[str, str]
"""A source and the number of a record in it."""


@dataclass(frozen=True, slots=True)
class Linked:
    """Who is who: persons as groups of records, pairs for review, counts."""

    persons: list[list[Local]]
    reviews: list[tuple[Local, Local, Doubt, float]]
    report: Report


def link(folder: Path, *, thresholds: Thresholds | None = None, memory: str = records.MEMORY) -> Linked:
    """Link the records of every source below a folder. Raises Invalid."""
    limits = thresholds or Thresholds()
    with TemporaryDirectory(prefix="nexus-linkage-") as scratch:
        with records.opened(folder, memory=memory, scratch=Path(scratch)) as engine:
            return _linked(engine, limits)


@dataclass(frozen=True, slots=True, repr=False)
class Identifying:
    """What a record says of who somebody is, in canonical form; a number that cannot be gone by is none."""

    local: Local
    number: str | None
    given: str | None
    family: str | None
    born: date | None
    sex: int | None
    place: str | None
    rank: int | None


def link_held(
    told: Sequence[records.Told], *, thresholds: Thresholds | None = None, memory: str = records.MEMORY
) -> tuple[Linked, dict[Local, Identifying]]:
    """Link records in memory; who is who, and what each record says of it. Nothing is written to a disk."""
    with records.held(told, memory=memory) as engine:
        linked = _linked(engine, thresholds or Thresholds())
        rows = engine.execute(
            "SELECT source, local, number, given, family, born, sex, place, rank FROM records"
        ).fetchall()
        return linked, {(row[0], row[1]): Identifying((row[0], row[1]), *row[2:]) for row in rows}


def _linked(engine: duckdb.DuckDBPyConnection, limits: Thresholds) -> Linked:
    rows = engine.execute(
        "SELECT unique_id, source, local, number, rank, born::VARCHAR, doubtful FROM records ORDER BY unique_id"
    ).fetchall()
    known = {row[0]: Known(row[3], row[4], row[5]) for row in rows}
    local = {row[0]: (row[1], row[2]) for row in rows}
    edges, denied = deterministic.by_number(engine)
    edges += deterministic.by_traits(engine)
    judged = probabilistic.predict(engine, limits.review)
    sure = [one for one in judged if one.probability >= limits.merge and not one.perhaps_twins]
    edges += [Edge(one.left, one.right, Rule.PROBABILITY, one.probability) for one in sure]
    merged = merge(known, edges)
    together = {record: place for place, group in enumerate(merged.persons) for record in group}
    unsure = [
        Review(one.left, one.right, Doubt.PERHAPS_TWINS if one.perhaps_twins else Doubt.BETWEEN, one.probability)
        for one in judged
        if one.perhaps_twins or one.probability < limits.merge
    ]
    reviews = sorted(one for one in {*denied, *unsure, *merged.refused} if together[one.left] != together[one.right])
    report = Report(
        records=len(rows),
        numbers_usable=sum(row[3] is not None for row in rows),
        numbers_doubtful=sum(bool(row[6]) for row in rows),
        numbers_missing=sum(row[3] is None and not row[6] for row in rows),
        persons=len(merged.persons),
        by_rule={rule.value: count for rule, count in merged.by_rule.items()},
        for_review={doubt.value: sum(one.doubt is doubt for one in reviews) for doubt in Doubt},
        learned_from=probabilistic.proven_pairs(engine),
    )
    return Linked(
        [[local[record] for record in group] for group in merged.persons],
        [(local[one.left], local[one.right], one.doubt, one.probability) for one in reviews],
        report,
    )


def write(linked: Linked, into: Path) -> None:
    """Who is who, what is to be judged, and the counts: three files that their owner alone may read."""
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    persons = [(f"L{number:09d}", *one) for number, group in enumerate(linked.persons) for one in group]
    _file(into / PERSONS, ("PERSON", "SOURCE", "LOCAL"), persons)
    judged = [(*left, *right, doubt.value, f"{likely:.6f}") for left, right, doubt, likely in linked.reviews]
    _file(into / REVIEW, ("SOURCE", "LOCAL", "OTHER_SOURCE", "OTHER_LOCAL", "DOUBT", "PROBABILITY"), judged)
    _private(into / REPORT, msgspec.json.format(msgspec.json.encode(asdict(linked.report)), indent=2) + b"\n")


def _file(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    _private(path, text.getvalue().encode())


def _private(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    new.replace(path)

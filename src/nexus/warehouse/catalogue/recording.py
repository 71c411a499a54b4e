"""A record of what a steward said and what the platform knows. What is derived is never overruled. Pure.

Counts are of rows and persons: one from one to ten is not shown, every other one is rounded down to tens, and the sum is that of
what is shown, so that nothing can be found by subtraction.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from nexus.projects.model import LegalBasis, StudyPurpose
from nexus.warehouse.catalogue.describing import Description
from nexus.warehouse.catalogue.model import Holder
from nexus.warehouse.catalogue.ports import Opened
from nexus.warehouse.catalogue.record import CountedTable, Party, Quality, Record, Said
from nexus.warehouse.cohorts.masking import may_be_shown
from nexus.warehouse.omop import spec
from nexus.warehouse.quality.results import Run, State, tally
from nexus.warehouse.releases.manifest import Release

ROUND: Final = 10
"""What counts are rounded down to."""
AGES: Final = 5
"""Years that typical ages are rounded to."""
PERSON: Final = "person"
ABOUT_NOBODY: Final = frozenset({*spec.VOCABULARY, *spec.RESULTS, "cdm_source", "metadata", "location", "care_site", "provider"})  # fmt: skip
"""Tables that hold nothing of a patient; the catalogue does not count them."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is derived. `rows`: of each table, exact; it leaves this module rounded only."""

    rows: Mapping[str, int]
    quality: Quality | None
    vocabulary: str = ""
    purposes: tuple[StudyPurpose, ...] = ()
    legal_basis: LegalBasis | None = None
    period_from: str = ""
    period_until: str = ""
    retained_until: str = ""
    whole: bool = False


def of_release(opened: Opened, run: Run | None) -> Known:
    """An open release. `run`: the gate's, if it is the one that let this release through."""
    said = opened.release
    return Known(
        rows={table.name: table.rows for table in said.tables},
        quality=None if run is None else quality(run),
        vocabulary=said.source.vocabulary,
        purposes=(opened.purpose,),
        legal_basis=opened.legal_basis,
        period_from=said.period_from,
        period_until=said.period_until,
        retained_until=_day(said),
    )


def of_warehouse(run: Run) -> Known:
    """The warehouse itself, as the gate saw it."""
    return Known(rows={table.name: table.rows for table in run.tables}, quality=quality(run), whole=True)


def quality(run: Run) -> Quality:
    """How many checks ended how."""
    counted = tally(run.results).values()
    return Quality(
        passed=sum(states[State.PASSED] for states in counted),
        failed=sum(states[State.FAILED] for states in counted),
        not_applicable=sum(states[State.NOT_APPLICABLE] for states in counted),
    )


def rounded(count: int) -> int | None:
    """A count as everybody may see it."""
    return count // ROUND * ROUND if may_be_shown(count) else None


def record(name: str, said: Description, known: Known, holder: Holder, day: str) -> Record:
    """The record, whole or not: `profile.lacking` says. `day`: of its publication."""
    tables = _tables(known.rows)
    persons = known.rows.get(PERSON)
    contact = holder.contact
    return Record(
        name=name,
        address=holder.page(name),
        issued=day,
        whole=known.whole,
        title=Said(fr=said.title_fr, en=said.title_en),
        description=Said(fr=said.description_fr, en=said.description_en),
        keywords=said.keywords,
        categories=said.health_categories,
        themes=said.health_themes,
        population=Said(fr=said.population_fr, en=said.population_en),
        publisher=Party(name=holder.name, contact=contact),
        access_body=Party(name=holder.access_body, contact=holder.access_body_contact),
        country=holder.country,
        purposes=known.purposes or said.purposes,
        legal_basis=known.legal_basis or said.legal_basis,
        period_from=known.period_from or said.period_from,
        period_until=known.period_until or said.period_until,
        retained_until=known.retained_until or said.retained_until,
        min_age=said.min_age // AGES * AGES if said.min_age >= 0 else None,
        max_age=-(-said.max_age // AGES) * AGES if said.max_age >= 0 else None,
        individuals=None if persons is None else rounded(persons),
        records=sum(table.rows or 0 for table in tables),
        tables=tables,
        vocabulary=known.vocabulary,
        quality=known.quality,
    )


def _tables(rows: Mapping[str, int]) -> tuple[CountedTable, ...]:
    return tuple(CountedTable(name=name, rows=rounded(rows[name])) for name in _of_patients(rows) if rows[name])


def _of_patients(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if name not in ABOUT_NOBODY)


def _day(said: Release) -> str:
    return said.until[:10]

"""One piece of one mapping: its rows become records of the CDM, provenance, or quarantine, and all of them are counted."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop import coverage
from nexus.warehouse.omop.engine import Engine, Named
from nexus.warehouse.omop.events import project
from nexus.warehouse.omop.keys import collision, nexus_check, nexus_key
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.problems import Reason
from nexus.warehouse.omop.references import Known
from nexus.warehouse.omop.source import CHECK, FILE, KEY, LINE, NATURAL, REASON, TARGET, Direct
from nexus.warehouse.omop.spec import names, primary_key, tables

_BESIDE: Final = (FILE, LINE, REASON, TARGET, KEY, CHECK)
_Asking = Callable[[str, Callable[[ir.Table], ir.Table]], Named]
"""What asks something of what is held, by a name."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one target: records with one reason why not, or none."""

    target: str
    reason: str
    """Empty for records that were written."""
    records: int


def of_direct(records: ir.Table, mapping: Direct, known: Known) -> ir.Table:
    """What a `Direct` mapping gives, with key, table, and references that hold."""
    natural = records[NATURAL]
    key = nexus_key(natural)
    columns: dict[str, ir.Value] = {name: records[name] for name in records.columns if name != NATURAL}
    columns |= {TARGET: ibis.literal(mapping.target), KEY: key, CHECK: nexus_check(natural)}
    field = primary_key(mapping.target)
    if field is not None:
        columns.setdefault(field, key)
    return known.linked(records.select(**columns), mapping.target)


def convert(engine: Engine, layout: Layout, records: Named, name: str, *, coded: bool) -> list[Tally]:
    """Write what can be used of some records, and where it comes from; put the rest into quarantine."""
    held = engine.hold(records)

    def asked(what: str, make: Callable[[ir.Table], ir.Table]) -> Named:
        return Named(f"{records.name}: {what}", lambda: make(held()))

    if _told_twice(engine, asked):
        held = engine.hold(asked("once", _without_duplicates))
    counted = _counted(engine, asked("counted", _by_reason))
    for target in sorted({target for target, reason, _ in counted if not reason}):
        cdm = partial(_usable, target=target, coded=coded)
        engine.write(asked(f"usable {target}", cdm), layout.part(layout.cdm, target, name))
        provenance = partial(_provenance, target=target)
        engine.write(asked(f"provenance {target}", provenance), layout.part(layout.provenance, target, name))
    if coded:
        engine.write(asked("coverage", coverage.counted), layout.part(layout.work, "coverage", name))
    if any(reason for _, reason, _ in counted):
        engine.write(asked("quarantine", quarantined), layout.part(layout.quarantine, "records", name))
    return [Tally(target, reason or "", total) for target, reason, total in counted]


def _usable(held: ir.Table, *, target: str, coded: bool) -> ir.Table:
    """The rows of a CDM table."""
    usable = held.filter((held[TARGET] == target) & held[REASON].isnull())
    return completed(project(usable, target) if coded else usable.drop(*_BESIDE), target)


def _provenance(held: ir.Table, *, target: str) -> ir.Table:
    """Where they come from."""
    usable = held.filter((held[TARGET] == target) & held[REASON].isnull())
    return usable.select(
        id=usable[KEY],
        check=usable[CHECK],
        file=usable[FILE].cast("int32"),
        line=usable[LINE].cast("int64"),
        person=ibis.null("int64") if "person_id" in names(target) else _person(usable),
    )


def quarantined(held: ir.Table) -> ir.Table:
    """Where the records are that cannot be used, and why."""
    left_out = held.filter(held[REASON].notnull())
    return left_out.select(
        target=left_out[TARGET],
        reason=left_out[REASON],
        file=left_out[FILE].cast("int32"),
        line=left_out[LINE].cast("int64"),
        person=_person(left_out),
    )


def _person(records: ir.Table) -> ir.Value:
    return records.person_id if "person_id" in records.columns else ibis.null("int64")


def completed(records: ir.Table, target: str) -> ir.Table:
    """All fields of a CDM table, in their order and types; what a mapping leaves out is NULL, or no concept."""
    columns: dict[str, Any] = {}
    for field in tables()[target]:
        given = records[field.name] if field.name in records.columns else None
        if given is None:
            given = ibis.literal(0) if field.required and field.name.endswith("concept_id") else ibis.null(field.type)
        elif field.required and field.name.endswith("concept_id"):
            given = ibis.coalesce(given, 0)
        columns[field.name] = given.cast(field.type)
    return records.select(**columns)


def _without_duplicates(held: ir.Table) -> ir.Table:
    """Of records with one key, the first in the files stays."""
    place = ibis.row_number().over(
        group_by=[held[TARGET], held[KEY]], order_by=[held[REASON].notnull(), held[FILE], held[LINE]]
    )
    ranked = held.mutate(_place=place)
    again = ibis.ifelse(ranked._place > 0, Reason.DUPLICATE.value, ibis.null("string"))
    return ranked.mutate(**{REASON: ibis.coalesce(ranked[REASON], again)}).drop("_place")


def _told_twice(engine: Engine, asked: _Asking) -> bool:
    """Whether a key stands twice among what can be used. Raises Conflict if it does for two things.

    Nearly always no key does: then it is enough to count them, which costs half of looking at each.
    """
    ((records, different),) = engine.rows(asked("keys", _keys))
    if records == different:
        return False
    ((twice, collisions),) = engine.rows(asked("keys twice", _keys_twice))
    if collisions:
        raise collision(int(collisions))
    return bool(twice)


def _keys(held: ir.Table) -> ir.Table:
    usable = held.filter(held[REASON].isnull())
    return usable.aggregate(records=usable.count(), different=usable[KEY].nunique())


def _keys_twice(held: ir.Table) -> ir.Table:
    usable = held.filter(held[REASON].isnull())
    keys = usable.group_by([TARGET, KEY]).aggregate(n=usable.count(), low=usable[CHECK].min(), high=usable[CHECK].max())
    return keys.aggregate(twice=(keys.n > 1).sum().coalesce(0), collisions=(keys.low != keys.high).sum().coalesce(0))


def _by_reason(held: ir.Table) -> ir.Table:
    return held.group_by([TARGET, REASON]).aggregate(total=held.count())


def _counted(engine: Engine, counts: Named) -> list[tuple[str, str | None, int]]:
    """Records by table and reason."""
    return sorted(engine.rows(counts), key=lambda row: (row[0], row[1] or ""))


def sums(tallies: Iterable[Tally]) -> Iterator[Tally]:
    """One tally for each target and reason."""
    total: dict[tuple[str, str], int] = {}
    for tally in tallies:
        total[tally.target, tally.reason] = total.get((tally.target, tally.reason), 0) + tally.records
    for (target, reason), records in sorted(total.items()):
        yield Tally(target, reason, records)

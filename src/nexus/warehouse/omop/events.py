"""Coded events: one shape for whatever happens to a person under a code, and its way into the table of its domain.

A source says what happened (`event`); this module looks up what the code means, leaves out what cannot be used with the
reason, and gives the columns of each CDM table. A code with several standard concepts becomes as many records.
"""

from collections.abc import Callable, Mapping
from typing import Final

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.keys import natural, nexus_check, nexus_key, reference, together
from nexus.warehouse.omop.problems import Reason, first
from nexus.warehouse.omop.references import Known
from nexus.warehouse.omop.source import CHECK, CLINICAL, FILE, KEY, LINE, REASON, TARGET, Coded

TEXTS: Final = (
    "visit",
    "provider",
    "value_text",
    "unit",
    "stop_reason",
    "lot",
    "route",
    "sig",
    "device",
    "status",
    "modifier",
)
NUMBERS: Final = ("value", "range_low", "range_high", "quantity", "days_supply", "refills")
OPTIONAL: Final[Mapping[str, str]] = {
    **dict.fromkeys(TEXTS, "string"),
    **dict.fromkeys(NUMBERS, "float64"),
    "end": "timestamp",
    "unit_concept": "int32",
    "value_concept": "int32",
    "visit_id": "int64",
    "provider_id": "int64",
}
"""Columns of an event that only some have, with their types."""
EHR: Final = 32827
"""Type concept: EHR encounter record."""


def event(
    rows: ir.Table,
    *,
    key: tuple[ir.Value | str, ...],
    person: ir.StringValue,
    start: ir.TimestampValue,
    start_text: ir.StringValue,
    code: ir.StringValue,
    vocabulary: ir.StringValue | str,
    type_concept: int | ir.IntegerValue = EHR,
    end: ir.Value | None = None,
    shown_code: ir.StringValue | None = None,
    cancelled: ir.BooleanValue | None = None,
    unit_concept: ir.IntegerValue | None = None,
    value_concept: ir.IntegerValue | None = None,
    **others: ir.Value | str | int | None,
) -> ir.Table:
    """What happened, in the source's own words.

    `key`: what tells the event from all others of its driver. `start_text`: what `start` was read from, to tell a date that
    is missing from one that is wrong. `shown_code`: what is kept as source value if it is not the code that is looked up.
    `others`: any of TEXTS and NUMBERS.
    """
    if unknown := set(others) - {*TEXTS, *NUMBERS}:
        raise TypeError(f"an event has no {sorted(unknown)}")
    start = start.cast("timestamp")
    return rows.select(
        rows[FILE],
        rows[LINE],
        natural=natural("event", *key),
        person=person,
        start=start,
        code=code,
        shown_code=code if shown_code is None else shown_code,
        vocabulary=ibis.literal(vocabulary) if isinstance(vocabulary, str) else vocabulary,
        type_concept=ibis.literal(type_concept).cast("int32") if isinstance(type_concept, int) else type_concept,
        own_reason=first(
            *(() if cancelled is None else ((cancelled, Reason.CANCELLED),)),
            (person.isnull(), Reason.NO_PERSON),
            (code.isnull(), Reason.NO_CODE),
            (start_text.isnull(), Reason.NO_DATE),
            (start.isnull(), Reason.BAD_DATE),
        ),
        **_given({"end": end, "unit_concept": unit_concept, "value_concept": value_concept, **others}),
    )


def resolved(
    events: ir.Table, mapping: Coded, codes: ir.Table, units: ir.Table, *, known: Known, last: ir.DateValue
) -> ir.Table:
    """Events with concepts, keys, the table that they go to, and why they do not. `codes`: the code map; `last`: a day."""
    found = _looked_up(events, codes, units, known)
    target = ibis.cases(
        (found.domain_id.isnull(), CLINICAL[mapping.domain]),
        *((found.domain_id == domain, table) for domain, table in CLINICAL.items()),
        else_="observation",
    )
    reason = ibis.coalesce(
        found.own_reason,
        first(
            (found.known_person.isnull(), Reason.UNKNOWN_PERSON),
            (found.start.year() < found.born, Reason.BEFORE_BIRTH),
            (found.start.date() > last, Reason.FUTURE),
        ),
    )
    name = together(mapping.name, found.natural, ibis.coalesce(found.position, 0).cast("string"))
    columns: dict[str, ir.Value] = {column: found[column] for column in events.columns if column not in _LOOKED_UP}
    columns |= {f"{column}_id": found[f"known_{column}"] for column in _REFERRED if column in events.columns}
    if "unit" in events.columns:
        unit = ibis.coalesce(optional(found, "unit_concept"), found.unit_concept_id)
        columns["unit_concept"] = unit.cast("int32")
    if "end" in events.columns:
        columns["end"] = ibis.ifelse(found.end < found.start, ibis.null("timestamp"), found.end)
    return found.select(
        **columns,
        **{TARGET: target, REASON: reason, KEY: nexus_key(name), CHECK: nexus_check(name)},
        person_id=found.person_id,
        concept=ibis.coalesce(found.concept_id, 0).cast("int32"),
        source_concept=ibis.coalesce(found.source_concept_id, 0).cast("int32"),
    )


_REFERRED: Final[Mapping[str, str]] = {"visit": "visit_occurrence", "provider": "provider"}
"""What an event may name of others, and their tables."""
_LOOKED_UP: Final = ("natural", "person", "code", "own_reason", *_REFERRED)
"""Columns of an event that are not held once it is known what they mean."""


def _looked_up(events: ir.Table, codes: ir.Table, units: ir.Table, known: Known) -> ir.Table:
    """Events beside persons, concepts, units, and what they refer to: one chain of joins, which is made into SQL in half the time
    that one after the other takes."""
    named = {name: table for name, table in _REFERRED.items() if name in events.columns}
    keys = {f"{name}_key": reference(name, events[name]) for name in named}
    keyed = events.mutate(person_id=reference("person", events.person), **keys)
    persons = known.persons.select(known_person="person_id", born="year_of_birth")
    found = keyed.left_join(persons, keyed.person_id == persons.known_person)
    found = found.left_join(codes, [keyed.vocabulary == codes.vocabulary_id, keyed.code == codes.map_code])
    if "unit" in events.columns:
        found = found.left_join(units, keyed.unit == units.unit_code)
    for name, table in named.items():
        there = known.tables[table]
        there = there.select(**{f"known_{name}": there.columns[0]})
        found = found.left_join(there, keyed[f"{name}_key"] == there[f"known_{name}"])
    return found


def project(events: ir.Table, target: str) -> ir.Table:
    """The columns of one CDM table."""
    return _PROJECTIONS[target](events)


def _condition(e: ir.Table) -> ir.Table:
    return _select(
        e,
        "condition",
        condition_occurrence_id=e[KEY],
        condition_start_date=e.start.date(),
        condition_start_datetime=e.start,
        condition_end_date=optional(e, "end").date(),
        condition_end_datetime=optional(e, "end"),
        stop_reason=optional(e, "stop_reason"),
        condition_status_source_value=optional(e, "status"),
    )


def _drug(e: ir.Table) -> ir.Table:
    days = ibis.coalesce(
        optional(e, "days_supply"),
        (optional(e, "end").date().epoch_days() - e.start.date().epoch_days()).cast("float64"),
    )
    ended = ibis.coalesce(optional(e, "end"), e.start)
    return _select(
        e,
        "drug",
        drug_exposure_id=e[KEY],
        drug_exposure_start_date=e.start.date(),
        drug_exposure_start_datetime=e.start,
        drug_exposure_end_date=ended.date(),
        drug_exposure_end_datetime=ended,
        verbatim_end_date=optional(e, "end").date(),
        stop_reason=optional(e, "stop_reason"),
        refills=optional(e, "refills").cast("int32"),
        quantity=optional(e, "quantity"),
        days_supply=days.cast("int32"),
        sig=optional(e, "sig"),
        lot_number=optional(e, "lot"),
        route_source_value=optional(e, "route"),
        dose_unit_source_value=optional(e, "unit"),
    )


def _procedure(e: ir.Table) -> ir.Table:
    return _select(
        e,
        "procedure",
        procedure_occurrence_id=e[KEY],
        procedure_date=e.start.date(),
        procedure_datetime=e.start,
        procedure_end_date=optional(e, "end").date(),
        procedure_end_datetime=optional(e, "end"),
        quantity=optional(e, "quantity").cast("int32"),
        modifier_source_value=optional(e, "modifier"),
    )


def _device(e: ir.Table) -> ir.Table:
    return _select(
        e,
        "device",
        device_exposure_id=e[KEY],
        device_exposure_start_date=e.start.date(),
        device_exposure_start_datetime=e.start,
        device_exposure_end_date=optional(e, "end").date(),
        device_exposure_end_datetime=optional(e, "end"),
        unique_device_id=optional(e, "device"),
        quantity=optional(e, "quantity").cast("int32"),
    )


def _measurement(e: ir.Table) -> ir.Table:
    return _select(
        e,
        "measurement",
        measurement_id=e[KEY],
        measurement_date=e.start.date(),
        measurement_datetime=e.start,
        value_as_number=optional(e, "value"),
        value_as_concept_id=optional(e, "value_concept"),
        unit_concept_id=optional(e, "unit_concept"),
        range_low=optional(e, "range_low"),
        range_high=optional(e, "range_high"),
        unit_source_value=optional(e, "unit"),
        value_source_value=optional(e, "value_text"),
    )


def _observation(e: ir.Table) -> ir.Table:
    return _select(
        e,
        "observation",
        observation_id=e[KEY],
        observation_date=e.start.date(),
        observation_datetime=e.start,
        value_as_number=optional(e, "value"),
        value_as_string=optional(e, "value_text"),
        value_as_concept_id=optional(e, "value_concept"),
        unit_concept_id=optional(e, "unit_concept"),
        unit_source_value=optional(e, "unit"),
        value_source_value=optional(e, "value_text"),
    )


def _select(e: ir.Table, name: str, **columns: ir.Value) -> ir.Table:
    return e.select(
        person_id=e.person_id,
        provider_id=optional(e, "provider_id"),
        visit_occurrence_id=optional(e, "visit_id"),
        **{
            f"{name}_concept_id": e.concept,
            f"{name}_type_concept_id": e.type_concept,
            f"{name}_source_value": e.shown_code,
            f"{name}_source_concept_id": e.source_concept,
        },
        **columns,
    )


_PROJECTIONS: Final[Mapping[str, Callable[[ir.Table], ir.Table]]] = {
    "condition_occurrence": _condition,
    "drug_exposure": _drug,
    "procedure_occurrence": _procedure,
    "device_exposure": _device,
    "measurement": _measurement,
    "observation": _observation,
}


def optional(events: ir.Table, name: str) -> ir.Value:
    """A column of events that a mapping need not give: NULL where it does not."""
    return events[name] if name in events.columns else ibis.null(OPTIONAL[name])


def _given(columns: Mapping[str, ir.Value | str | float | None]) -> dict[str, ir.Value]:
    """What a mapping gives has the type that it must have; what it does not give, no piece need hold."""
    return {
        name: (value if isinstance(value, ir.Value) else ibis.literal(value)).cast(OPTIONAL[name])
        for name, value in columns.items()
        if value is not None
    }

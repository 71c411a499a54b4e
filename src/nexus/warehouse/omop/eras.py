"""Eras: spans of time in which a person has a condition, or takes an ingredient, with gaps of at most thirty days."""

from collections.abc import Callable
from typing import Final

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.keys import key

GAP_DAYS: Final = 30
_PERSON: Final = ("person_id", "concept")


def condition_eras(conditions: ir.Table) -> ir.Table:
    """Eras of conditions that have a concept; one without an end lasts its day and the next."""
    known = conditions.filter(conditions.condition_concept_id != 0)
    spans = known.select(
        person_id=known.person_id,
        concept=known.condition_concept_id,
        start=known.condition_start_date,
        end=ibis.coalesce(known.condition_end_date, _later(known.condition_start_date, ibis.interval(days=1))),
    )
    eras = _joined(spans, GAP_DAYS, by=_PERSON)
    return eras.select(
        condition_era_id=key("condition_era", eras.person_id, eras.concept, eras.start),
        person_id=eras.person_id,
        condition_concept_id=eras.concept,
        condition_era_start_date=eras.start,
        condition_era_end_date=eras.end,
        condition_occurrence_count=eras.spans,
    )


def drug_eras(drugs: ir.Table, ingredients: ir.Table) -> ir.Table:
    """Eras of ingredients. `gap_days`: days of an era without any exposure."""
    taken = drugs.join(ingredients, drugs.drug_concept_id == ingredients.drug_concept_id)
    eras = _eras_of_exposures(_exposures(taken, concept=taken.ingredient_concept_id), by=_PERSON)
    return eras.select(
        drug_era_id=key("drug_era", eras.person_id, eras.concept, eras.start),
        person_id=eras.person_id,
        drug_concept_id=eras.concept,
        drug_era_start_date=eras.start,
        drug_era_end_date=eras.end,
        drug_exposure_count=eras.spans,
        gap_days=(_days(eras.start, eras.end) - eras.exposed).cast("int32"),
    )


def dose_eras(drugs: ir.Table, strengths: ir.Table) -> ir.Table:
    """Eras of an ingredient at one daily dose: amount in a unit, times quantity, by days of supply."""
    strengths = strengths.filter(strengths.amount_value > 0).select(
        strength_of="drug_concept_id",
        ingredient="ingredient_concept_id",
        amount="amount_value",
        unit="amount_unit_concept_id",
    )
    taken = drugs.filter((drugs.quantity > 0) & (drugs.days_supply > 0))
    taken = taken.join(strengths, taken.drug_concept_id == strengths.strength_of)
    dose = (taken.amount * taken.quantity / taken.days_supply).round(6)
    by = (*_PERSON, "unit", "dose")
    exposures = _exposures(taken, concept=taken.ingredient, unit=taken.unit, dose=dose)
    eras = _eras_of_exposures(exposures, by=by)
    return eras.select(
        dose_era_id=key(
            "dose_era", eras.person_id, eras.concept, eras.unit, (eras.dose * 1e6).cast("int64"), eras.start
        ),
        person_id=eras.person_id,
        drug_concept_id=eras.concept,
        unit_concept_id=ibis.coalesce(eras.unit, 0),
        dose_value=eras.dose,
        dose_era_start_date=eras.start,
        dose_era_end_date=eras.end,
    )


def _exposures(drugs: ir.Table, **columns: ir.Value) -> ir.Table:
    """Spans of exposure: to the end that is written, else as long as the supply lasts, else a day."""
    supplied = ibis.ifelse(drugs.days_supply > 0, drugs.days_supply, ibis.null("int32"))
    end = ibis.coalesce(
        drugs.drug_exposure_end_date,
        _later(drugs.drug_exposure_start_date, supplied.as_interval("D")),
        _later(drugs.drug_exposure_start_date, ibis.interval(days=1)),
    )
    return drugs.select(person_id=drugs.person_id, start=drugs.drug_exposure_start_date, end=end, **columns)


def _eras_of_exposures(exposures: ir.Table, by: tuple[str, ...]) -> ir.Table:
    """Exposures with short gaps become an era that knows its exposed days: of each, those after all before it have ended."""
    numbered = _numbered(exposures, GAP_DAYS, by)
    more = ibis.ifelse(
        _is_far(numbered, 0),
        _days(numbered.start, numbered.end),
        ibis.greatest(_days(numbered._ended, numbered.end), 0),
    )
    return _islands(numbered.mutate(_more=more), by, exposed=lambda t: t._more.sum())


def _joined(spans: ir.Table, gap: int, by: tuple[str, ...]) -> ir.Table:
    """Spans that overlap, or lie at most `gap` days apart, as one; `spans` says of how many."""
    return _islands(_numbered(spans, gap, by), by)


def _islands(numbered: ir.Table, by: tuple[str, ...], **more: Callable[[ir.Table], ir.Value]) -> ir.Table:
    return (
        numbered.group_by([*by, "_island"])
        .aggregate(start=numbered.start.min(), end=numbered.end.max(), spans=numbered.count().cast("int32"), **more)
        .drop("_island")
    )


def _numbered(spans: ir.Table, gap: int, by: tuple[str, ...]) -> ir.Table:
    """A new island begins where a span starts later than `gap` days after all that came before has ended."""
    before = ibis.window(group_by=list(by), order_by=["start", "end"], preceding=(None, 1))
    spans = spans.mutate(_ended=spans.end.max().over(before))
    spans = spans.mutate(_new=_is_far(spans, gap).cast("int32"))
    so_far = ibis.window(group_by=list(by), order_by=["start", "end"], preceding=None, following=0)
    return spans.mutate(_island=spans._new.sum().over(so_far))


def _is_far(spans: ir.Table, gap: int) -> ir.BooleanValue:
    return spans._ended.isnull() | (_days(spans._ended, spans.start) > gap)


def _days(start: ir.DateValue, end: ir.DateValue) -> ir.IntegerValue:
    return (end.epoch_days() - start.epoch_days()).cast("int64")


def _later(day: ir.DateValue, interval: ir.IntervalValue) -> ir.DateValue:
    """A day after some time. By way of a moment: engines do not agree what a day and an interval make."""
    return (day.cast("timestamp") + interval).date()

"""Synthea: what happens under a code."""

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.events import EHR, event
from nexus.warehouse.omop.parsing import moment, number
from nexus.warehouse.omop.source import Inputs

PRESCRIBED = 32838


def _told(
    rows: ir.Table,
    at: ir.StringValue,
    *more: ir.Value,
    key: tuple[ir.Value, ...] = (),
    code: ir.StringValue | None = None,
    vocabulary: ir.StringValue | str = "SNOMED",
    **others: ir.Value | int,
) -> ir.Table:
    """An event as most tables tell it: a person, an encounter, a code, a time; `more` of the row tells it from others."""
    return event(
        rows,
        key=key or (rows.patient, rows.encounter, rows.code, at, *more),
        person=rows.patient,
        visit=rows.encounter,
        start=moment(at),
        start_text=at,
        vocabulary=vocabulary,
        code=rows.code if code is None else code,
        **{"type_concept": EHR, **others},
    )


def conditions(inputs: Inputs) -> ir.Table:
    """SNOMED, but for what dentists write since version 3.3."""
    rows = inputs.driver()
    vocabulary = ibis.ifelse(rows.system.startswith("ICD10"), "ICD10CM", "SNOMED")
    return _told(rows, rows.start, vocabulary=ibis.coalesce(vocabulary, "SNOMED"), end=moment(rows.stop))


def allergies(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    vocabulary = ibis.ifelse((rows.system.lower() == "rxnorm").coalesce(False), "RxNorm", "SNOMED")
    return _told(rows, rows.start, vocabulary=vocabulary)


def medications(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(
        rows,
        rows.start,
        rows.stop,
        vocabulary="RxNorm",
        end=moment(rows.stop),
        type_concept=PRESCRIBED,
        refills=number(rows.dispenses) - 1,
    )


def immunizations(inputs: Inputs) -> ir.Table:
    """Codes below 10 have two digits in CVX."""
    rows = inputs.driver()
    return _told(
        rows, rows.date, vocabulary="CVX", end=moment(rows.date), code=rows.code.lpad(2, "0"), shown_code=rows.code
    )


def procedures(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(rows, rows.start, end=moment(rows.stop))


def careplans(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(rows, rows.start, key=(rows.id, rows.code), end=moment(rows.stop))


def imaging(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(
        rows,
        rows.date,
        key=(rows.id, rows.series_uid, rows.instance_uid),
        code=rows.procedure_code,
        modifier=rows.modality_code,
    )


def devices(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(rows, rows.start, rows.udi, end=moment(rows.stop), device=rows.udi)


def supplies(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(rows, rows.date, quantity=number(rows.quantity))


def observations(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(
        rows,
        rows.date,
        rows.value,
        vocabulary="LOINC",
        value=number(rows.value),
        value_text=rows.value,
        unit=rows.units,
    )

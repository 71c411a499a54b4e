"""FHIR R4: what happens under a code."""

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.events import EHR, event
from nexus.warehouse.omop.parsing import moment, number
from nexus.warehouse.omop.source import Inputs

PRESCRIBED, ADMINISTERED, LABORATORY = 32838, 32818, 32856
NOT_SO = ("entered-in-error", "not-done", "refuted")


def _told(rows: ir.Table, start: ir.StringValue, **others: ir.Value | int | tuple[ir.Value, ...]) -> ir.Table:
    return event(
        rows,
        **{
            "key": (rows.id,),
            "person": rows.patient,
            "visit": rows.encounter,
            "start": moment(start),
            "start_text": start,
            "code": rows.code,
            "vocabulary": rows.system,
            "type_concept": EHR,
            "cancelled": rows.status.isin(NOT_SO).coalesce(False),
            **others,
        },
    )


def conditions(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    start = ibis.coalesce(rows.start, rows.recorded)
    return _told(rows, start, end=moment(rows.stop), status=rows.clinical)


def allergies(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(rows, ibis.coalesce(rows.start, rows.recorded))


def _medications(inputs: Inputs) -> ir.Table:
    """What was given is coded in the resource, or in a Medication that it refers to."""
    rows = inputs.driver()
    named = inputs.whole("medication").select(_of="id", _code="code", _system="system")
    rows = rows.left_join(named, rows.medication == named._of)
    return rows.mutate(code=ibis.coalesce(rows.code, rows._code), system=ibis.coalesce(rows.system, rows._system)).drop(
        "_of", "_code", "_system"
    )


def requests(inputs: Inputs) -> ir.Table:
    rows = _medications(inputs)
    return _told(
        rows,
        rows.start,
        type_concept=PRESCRIBED,
        refills=number(rows.refills),
        quantity=number(rows.quantity),
        days_supply=number(rows.days),
        sig=rows.sig,
    )


def administrations(inputs: Inputs) -> ir.Table:
    rows = _medications(inputs)
    return _told(
        rows, rows.start, end=moment(rows.stop), type_concept=ADMINISTERED, quantity=number(rows.dose), unit=rows.unit
    )


def immunizations(inputs: Inputs) -> ir.Table:
    """Codes below 10 have two digits in CVX."""
    rows = inputs.driver()
    code = ibis.ifelse((rows.system == "CVX") & (rows.code.length() < 2), rows.code.lpad(2, "0"), rows.code)
    return _told(rows, rows.date, code=code, shown_code=rows.code, end=moment(rows.date), lot=rows.lot)


def procedures(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(rows, rows.start, end=moment(rows.stop))


def observations(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(
        rows,
        rows.start,
        key=(rows.id, rows.part),
        value=number(rows.value),
        value_text=ibis.coalesce(rows.value, rows.value_code, rows.value_string),
        unit=rows.unit,
        range_low=number(rows.low),
        range_high=number(rows.high),
    )


def reports(inputs: Inputs) -> ir.Table:
    """That a report was made; what it found stands in its observations."""
    rows = inputs.driver()
    return _told(rows, rows.start, type_concept=LABORATORY)

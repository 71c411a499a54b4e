"""MIMIC-III: what happens under a code. Items without a code of a standard have the hospital's own, as `MIMIC item`."""

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.events import EHR, event
from nexus.warehouse.omop.parsing import moment, number
from nexus.warehouse.omop.source import Inputs

ITEM, DRUG = "MIMIC item", "MIMIC drug"
PRESCRIBED, LABORATORY = 32838, 32856
WITHDRAWN = "Rewritten"


def _told(
    rows: ir.Table, at: ir.StringValue, code: ir.StringValue, vocabulary: ir.StringValue | str, **others: ir.Value | int
) -> ir.Table:
    return event(
        rows,
        key=(rows.row_id,),
        person=rows.subject_id,
        visit=rows.hadm_id,
        start=moment(at),
        start_text=at,
        code=code,
        vocabulary=vocabulary,
        **{"type_concept": EHR, **others},
    )


def _at_admission(inputs: Inputs) -> ir.Table:
    """Rows that have no date of their own have that of their admission."""
    rows = inputs.driver()
    admissions = inputs.whole("admissions").select("admittime", "dischtime", _of="hadm_id")
    return rows.left_join(admissions, rows.hadm_id == admissions._of).drop("_of")


def _pointed(code: ir.StringValue, before: int) -> ir.StringValue:
    """ICD-9 with its point, which MIMIC leaves out."""
    return ibis.ifelse(code.length() > before, code.left(before) + "." + code.substr(before), code)


def diagnoses(inputs: Inputs) -> ir.Table:
    rows = _at_admission(inputs)
    code = ibis.ifelse(rows.icd9_code.startswith("E"), _pointed(rows.icd9_code, 4), _pointed(rows.icd9_code, 3))
    return _told(
        rows, rows.admittime, code, "ICD9CM", shown_code=rows.icd9_code, end=moment(rows.dischtime), status=rows.seq_num
    )


def procedures(inputs: Inputs) -> ir.Table:
    rows = _at_admission(inputs)
    return _told(rows, rows.admittime, _pointed(rows.icd9_code, 2), "ICD9Proc", shown_code=rows.icd9_code)


def services(inputs: Inputs) -> ir.Table:
    rows = _at_admission(inputs)
    at = ibis.coalesce(rows.chartdate, rows.admittime)
    return _told(rows, at, rows.cpt_cd, "CPT4")


def prescriptions(inputs: Inputs) -> ir.Table:
    """By national drug code; where there is none, by the name that was written."""
    rows = inputs.driver()
    coded = rows.ndc.notnull() & (rows.ndc != "0")
    return _told(
        rows,
        rows.startdate,
        ibis.ifelse(coded, rows.ndc, rows.drug),
        ibis.ifelse(coded, "NDC", DRUG),
        end=moment(rows.enddate),
        type_concept=PRESCRIBED,
        quantity=number(rows.form_val_disp),
        route=rows.route,
        unit=rows.dose_unit_rx,
    )


def laboratory(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    items = inputs.whole("d_labitems").select("loinc_code", _of="itemid")
    rows = rows.left_join(items, rows.itemid == items._of).drop("_of")
    return _told(
        rows,
        rows.charttime,
        ibis.coalesce(rows.loinc_code, rows.itemid),
        ibis.ifelse(rows.loinc_code.notnull(), "LOINC", ITEM),
        shown_code=rows.itemid,
        type_concept=LABORATORY,
        value=number(rows.valuenum),
        value_text=rows.value,
        unit=rows.valueuom,
    )


def charted(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(
        rows,
        rows.charttime,
        rows.itemid,
        ITEM,
        provider=rows.cgid,
        value=number(rows.valuenum),
        value_text=rows.value,
        unit=rows.valueuom,
        cancelled=(rows.error == "1").coalesce(False),
    )


def outputs(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(
        rows,
        rows.charttime,
        rows.itemid,
        ITEM,
        provider=rows.cgid,
        value=number(rows.value),
        value_text=rows.value,
        unit=rows.valueuom,
        cancelled=(rows.iserror == "1").coalesce(False),
    )


def inputs_metavision(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(
        rows,
        rows.starttime,
        rows.itemid,
        ITEM,
        end=moment(rows.endtime),
        provider=rows.cgid,
        quantity=number(rows.amount),
        unit=rows.amountuom,
        cancelled=(rows.statusdescription == WITHDRAWN).coalesce(False),
    )


def inputs_carevue(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(
        rows,
        rows.charttime,
        rows.itemid,
        ITEM,
        provider=rows.cgid,
        quantity=number(rows.amount),
        unit=rows.amountuom,
        route=rows.originalroute,
    )


def procedures_at_bed(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(
        rows,
        rows.starttime,
        rows.itemid,
        ITEM,
        end=moment(rows.endtime),
        provider=rows.cgid,
        modifier=rows.location,
        cancelled=(rows.statusdescription == WITHDRAWN).coalesce(False),
    )


def cultures(inputs: Inputs) -> ir.Table:
    """One record for each row: a specimen, an organism if one grew, an antibiotic if it was tried."""
    rows = inputs.driver()
    return _told(
        rows,
        ibis.coalesce(rows.charttime, rows.chartdate),
        ibis.coalesce(rows.ab_itemid, rows.org_itemid, rows.spec_itemid),
        ITEM,
        type_concept=LABORATORY,
        value_text=ibis.coalesce(rows.interpretation, rows.org_name),
    )


def moments(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return _told(
        rows,
        rows.charttime,
        rows.itemid,
        ITEM,
        provider=rows.cgid,
        value_text=rows.value,
        cancelled=(rows.error == "1").coalesce(False),
    )

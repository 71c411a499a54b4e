"""SNDS: drugs by CIP and UCD, acts by CCAM, biology by NABM, devices by LPP, diagnoses by CIM-10.

A line with a quantity of zero or less takes an earlier one back: it becomes no record, and is counted as cancelled.
"""

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.events import event
from nexus.warehouse.omop.parsing import number, snds_day, whole
from nexus.warehouse.omop.source import Inputs
from nexus.warehouse.omop.sources.snds_keys import LINE_KEY, care_name, of_claim, of_stay

PHARMACY, CONTACT, STAY = 32869, 32861, 32855
UCD_DIGITS = 7
"""Of a UCD code, which some tables pad with zeros to thirteen."""


def _claimed(
    rows: ir.Table, code: ir.StringValue, vocabulary: str, order: ir.Value | str, type_concept: int, **others: ir.Value
) -> ir.Table:
    return event(
        rows,
        key=(*(rows[name] for name in LINE_KEY), code, order),
        person=rows.person,
        visit=care_name(rows),
        provider=rows.pfs_exe_num,
        start=snds_day(rows.exe_soi_dtd),
        start_text=rows.exe_soi_dtd,
        code=code,
        vocabulary=vocabulary,
        type_concept=type_concept,
        **others,
    )


def _taken_back(quantity: ir.FloatingValue) -> ir.BooleanValue:
    return (quantity <= 0).coalesce(False)


def _ucd(code: ir.StringValue) -> ir.StringValue:
    return code.right(UCD_DIGITS)


def pharmacy(inputs: Inputs) -> ir.Table:
    rows = of_claim(inputs)
    boxes = number(rows.pha_act_qsn)
    return _claimed(
        rows, rows.pha_prs_c13, "CIP", rows.pha_ord_num, PHARMACY, quantity=boxes, cancelled=_taken_back(boxes)
    )


def hospital_drugs(inputs: Inputs) -> ir.Table:
    rows = of_claim(inputs)
    units = number(rows.ucd_dlv_nbr)
    return _claimed(
        rows, _ucd(rows.ucd_ucd_cod), "UCD", rows.ucd_ord_num, PHARMACY, quantity=units, cancelled=_taken_back(units),
        shown_code=rows.ucd_ucd_cod,
    )  # fmt: skip


def acts(inputs: Inputs) -> ir.Table:
    rows = of_claim(inputs)
    return _claimed(rows, rows.cam_prs_ide, "CCAM", rows.cam_ord_num, CONTACT, modifier=rows.cam_act_cod)


def biology(inputs: Inputs) -> ir.Table:
    """That a test was done: the SNDS has no results."""
    rows = of_claim(inputs)
    times = number(rows.bio_act_qsn)
    return _claimed(rows, rows.bio_prs_ide, "NABM", rows.bio_ord_num, CONTACT, cancelled=_taken_back(times))


def devices(inputs: Inputs) -> ir.Table:
    rows = of_claim(inputs)
    pieces = number(rows.tip_act_qsn)
    return _claimed(
        rows, rows.tip_prs_ide, "LPP", rows.tip_ord_num, CONTACT, quantity=pieces, cancelled=_taken_back(pieces),
        end=snds_day(rows.tip_acl_dtf),
    )  # fmt: skip


def _in_stay(
    rows: ir.Table, code: ir.StringValue, vocabulary: str, *key: ir.Value | str, **others: ir.Value
) -> ir.Table:
    return event(
        rows,
        key=(rows.stay, code, *key),
        person=rows.person,
        visit=rows.stay,
        start_text=rows.exe_soi_dtd,
        code=code,
        vocabulary=vocabulary,
        type_concept=STAY,
        **{"start": rows.start, **others},
    )


def main_diagnoses(inputs: Inputs) -> ir.Table:
    rows = of_stay(inputs)
    return _in_stay(rows, rows.dgn_pal, "CIM10", "DP", end=rows.end, status=ibis.literal("DP"))


def related_diagnoses(inputs: Inputs) -> ir.Table:
    """Most stays have none: they are no rows without a code."""
    rows = of_stay(inputs).filter(lambda t: t.dgn_rel.notnull())
    return _in_stay(rows, rows.dgn_rel, "CIM10", "DR", end=rows.end, status=ibis.literal("DR"))


def other_diagnoses(inputs: Inputs) -> ir.Table:
    rows = of_stay(inputs)
    return _in_stay(rows, rows.ass_dgn, "CIM10", "DAS", end=rows.end, status=ibis.literal("DAS"))


def stay_acts(inputs: Inputs) -> ir.Table:
    """On the day that the delay since entry gives; on the day of entry where none is told."""
    rows = of_stay(inputs)
    return _in_stay(
        rows, rows.cdc_act.left(7), "CCAM", rows.acv_act, rows.pha_act, rows.rum_seq, rows.ent_dat_del,
        start=_delayed(rows, rows.ent_dat_del), shown_code=rows.cdc_act, modifier=rows.acv_act,
    )  # fmt: skip


def stay_drugs(inputs: Inputs) -> ir.Table:
    rows = of_stay(inputs)
    return _in_stay(
        rows, _ucd(rows.ucd_ucd_cod), "UCD", rows.delai, start=_delayed(rows, rows.delai), shown_code=rows.ucd_ucd_cod,
        quantity=number(rows.adm_nbr),
    )  # fmt: skip


def _delayed(rows: ir.Table, days: ir.StringValue) -> ir.TimestampValue:
    return rows.start.cast("timestamp") + ibis.coalesce(whole(days), 0).as_interval("D")

"""MIMIC-III: persons, deaths, caregivers, admissions, stays in intensive care."""

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.keys import natural, reference
from nexus.warehouse.omop.parsing import choice, moment
from nexus.warehouse.omop.problems import Reason, dated, first
from nexus.warehouse.omop.source import FILE, LINE, NATURAL, REASON, Inputs

GENDERS = {"M": 8507, "F": 8532}
WHITE, BLACK, ASIAN = 8527, 8516, 8515
HISPANIC = 38003563
INPATIENT, EMERGENCY_INPATIENT, INTENSIVE_CARE = 9201, 262, 32037
EHR = 32827


def persons(inputs: Inputs) -> ir.Table:
    """Race and ethnicity are told at each admission: the last in order of the alphabet is taken, so that it is always the same."""
    rows, admissions = inputs.driver(), inputs.whole("admissions")
    told = admissions.group_by("subject_id").aggregate(told=admissions.ethnicity.upper().max())
    rows = rows.left_join(told, rows.subject_id == told.subject_id).drop("subject_id_right")
    born = moment(rows.dob)
    race = ibis.cases(
        (rows.told.startswith("WHITE"), WHITE),
        (rows.told.startswith("BLACK"), BLACK),
        (rows.told.startswith("ASIAN"), ASIAN),
        else_=0,
    )
    return rows.select(
        FILE,
        LINE,
        **{
            NATURAL: natural("person", rows.subject_id),
            REASON: first((rows.subject_id.isnull(), Reason.NO_KEY), (born.isnull(), Reason.NO_BIRTH)),
        },
        gender_concept_id=choice(rows.gender, GENDERS),
        year_of_birth=born.year(),
        month_of_birth=born.month(),
        day_of_birth=born.day(),
        birth_datetime=born,
        race_concept_id=race,
        ethnicity_concept_id=ibis.ifelse(rows.told.contains("HISPANIC"), HISPANIC, 0),
        person_source_value=rows.subject_id,
        gender_source_value=rows.gender,
        race_source_value=rows.told,
    )


def deaths(inputs: Inputs) -> ir.Table:
    rows = inputs.driver().filter(lambda t: t.dod.notnull())
    died = moment(rows.dod)
    return rows.select(
        FILE,
        LINE,
        **{NATURAL: natural("person", rows.subject_id), REASON: first(*dated(rows.dod, died))},
        person_id=reference("person", rows.subject_id),
        death_date=died.date(),
        death_datetime=died,
        death_type_concept_id=ibis.literal(EHR),
    )


def providers(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return rows.select(
        FILE,
        LINE,
        **{NATURAL: natural("provider", rows.cgid), REASON: first((rows.cgid.isnull(), Reason.NO_KEY))},
        provider_source_value=rows.cgid,
        specialty_source_value=ibis.coalesce(rows.description, rows.label),
    )


def visits(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    start, end = moment(rows.admittime), moment(rows.dischtime)
    return rows.select(
        FILE,
        LINE,
        **{
            NATURAL: natural("visit", rows.hadm_id),
            REASON: first((rows.hadm_id.isnull(), Reason.NO_KEY), *dated(rows.admittime, start)),
        },
        person_id=reference("person", rows.subject_id),
        visit_concept_id=ibis.ifelse(rows.edregtime.notnull(), EMERGENCY_INPATIENT, INPATIENT),
        visit_start_date=start.date(),
        visit_start_datetime=start,
        visit_end_date=ibis.greatest(start, ibis.coalesce(end, start)).date(),
        visit_end_datetime=ibis.greatest(start, ibis.coalesce(end, start)),
        visit_type_concept_id=ibis.literal(EHR),
        visit_source_value=rows.hadm_id,
        admitted_from_source_value=rows.admission_location,
        discharged_to_source_value=rows.discharge_location,
    )


def stays(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    start, end = moment(rows.intime), moment(rows.outtime)
    ended = ibis.greatest(start, ibis.coalesce(end, start))
    return rows.select(
        FILE,
        LINE,
        **{
            NATURAL: natural("visit_detail", rows.icustay_id),
            REASON: first((rows.icustay_id.isnull(), Reason.NO_KEY), *dated(rows.intime, start)),
        },
        person_id=reference("person", rows.subject_id),
        visit_detail_concept_id=ibis.literal(INTENSIVE_CARE),
        visit_detail_start_date=start.date(),
        visit_detail_start_datetime=start,
        visit_detail_end_date=ended.date(),
        visit_detail_end_datetime=ended,
        visit_detail_type_concept_id=ibis.literal(EHR),
        visit_detail_source_value=rows.icustay_id,
        visit_occurrence_id=reference("visit", rows.hadm_id),
    )

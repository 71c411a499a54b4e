"""Synthea: persons, places, visits, plans, costs."""

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.keys import natural, reference
from nexus.warehouse.omop.parsing import choice, day, moment, number
from nexus.warehouse.omop.problems import Reason, dated, first
from nexus.warehouse.omop.source import FILE, LINE, NATURAL, REASON, Inputs, first_line

GENDERS = {"M": 8507, "F": 8532}
RACES = {"white": 8527, "black": 8516, "asian": 8515, "native": 8657}
ETHNICITIES = {"hispanic": 38003563, "nonhispanic": 38003564}
INPATIENT, OUTPATIENT, EMERGENCY, HOME, VIRTUAL, NURSING, HOSPICE = 9201, 9202, 9203, 581476, 5083, 42898160, 8546
VISITS = {
    "inpatient": INPATIENT,
    "ambulatory": OUTPATIENT,
    "outpatient": OUTPATIENT,
    "wellness": OUTPATIENT,
    "urgentcare": OUTPATIENT,
    "emergency": EMERGENCY,
    "home": HOME,
    "virtual": VIRTUAL,
    "snf": NURSING,
    "hospice": HOSPICE,
}
EHR = 32827
DEATH_CERTIFICATE = 32817
GENERAL_PRACTICE = 38004446
CLAIM, DOLLAR = 32814, 44818668


def _row(rows: ir.Table) -> dict[str, ir.Value]:
    return {FILE: rows[FILE], LINE: rows[LINE]}


def locations(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    places = rows.group_by(["city", "state", "zip"]).aggregate(**first_line(rows))
    return places.select(
        FILE,
        LINE,
        **{
            NATURAL: natural("location", places.zip, places.city, places.state),
            REASON: first((places.city.isnull() & places.zip.isnull(), Reason.NO_KEY)),
        },
        city=places.city,
        state=places.state.left(2),
        zip=places.zip,
        location_source_value=ibis.coalesce(places.zip, places.city),
    )


def persons(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    born = day(rows.birthdate)
    return rows.select(
        **_row(rows),
        **{
            NATURAL: natural("person", rows.id),
            REASON: first((rows.id.isnull(), Reason.NO_KEY), (born.isnull(), Reason.NO_BIRTH)),
        },
        gender_concept_id=choice(rows.gender.upper(), GENDERS),
        year_of_birth=born.year(),
        month_of_birth=born.month(),
        day_of_birth=born.day(),
        birth_datetime=born.cast("timestamp"),
        race_concept_id=choice(rows.race.lower(), RACES),
        ethnicity_concept_id=choice(rows.ethnicity.lower(), ETHNICITIES),
        location_id=reference(
            "location", ibis.coalesce(rows.zip, ""), ibis.coalesce(rows.city, ""), ibis.coalesce(rows.state, "")
        ),
        person_source_value=rows.id,
        gender_source_value=rows.gender,
        gender_source_concept_id=ibis.literal(0),
        race_source_value=rows.race,
        race_source_concept_id=ibis.literal(0),
        ethnicity_source_value=rows.ethnicity,
        ethnicity_source_concept_id=ibis.literal(0),
    )


def deaths(inputs: Inputs) -> ir.Table:
    """A day of death on the person; the cause from the certificate, where an encounter is one."""
    rows = inputs.driver().filter(lambda t: t.deathdate.notnull())
    certificates = inputs.whole("encounters").filter(lambda t: t.code == "308646001")
    causes = certificates.group_by("patient").aggregate(cause=certificates.reasoncode.max())
    codes = inputs.concepts("SNOMED")
    told = rows.left_join(causes, rows.id == causes.patient).drop("patient")
    told = told.left_join(codes, told.cause == codes.map_code)
    died = moment(told.deathdate)
    return told.select(
        FILE,
        LINE,
        **{NATURAL: natural("person", told.id), REASON: first(*dated(told.deathdate, died))},
        person_id=reference("person", told.id),
        death_date=died.date(),
        death_datetime=died,
        death_type_concept_id=ibis.literal(DEATH_CERTIFICATE),
        cause_concept_id=told.concept_id,
        cause_source_value=told.cause,
        cause_source_concept_id=told.source_concept_id,
    )


def care_sites(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return rows.select(
        **_row(rows),
        **{NATURAL: natural("care_site", rows.id), REASON: first((rows.id.isnull(), Reason.NO_KEY))},
        care_site_name=rows.name,
        care_site_source_value=rows.id,
    )


def providers(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    gender = choice(rows.gender.upper(), GENDERS)
    return rows.select(
        **_row(rows),
        **{NATURAL: natural("provider", rows.id), REASON: first((rows.id.isnull(), Reason.NO_KEY))},
        provider_name=rows.name,
        specialty_concept_id=choice(rows.speciality.upper(), {"GENERAL PRACTICE": GENERAL_PRACTICE}),
        care_site_id=reference("care_site", rows.organization),
        gender_concept_id=gender,
        provider_source_value=rows.id,
        specialty_source_value=rows.speciality,
        specialty_source_concept_id=ibis.literal(0),
        gender_source_value=rows.gender,
        gender_source_concept_id=ibis.literal(0),
    )


def visits(inputs: Inputs) -> ir.Table:
    """One visit for each encounter: nothing is merged, so that each visit is one line of the file."""
    rows = inputs.driver()
    start, end = moment(rows.start), moment(rows.stop)
    ended = ibis.ifelse(end < start, start, ibis.coalesce(end, start))
    return rows.select(
        **_row(rows),
        **{
            NATURAL: natural("visit", rows.id),
            REASON: first((rows.id.isnull(), Reason.NO_KEY), *dated(rows.start, start)),
        },
        person_id=reference("person", rows.patient),
        visit_concept_id=choice(rows.encounterclass.lower(), VISITS),
        visit_start_date=start.date(),
        visit_start_datetime=start,
        visit_end_date=ended.date(),
        visit_end_datetime=ended,
        visit_type_concept_id=ibis.literal(EHR),
        provider_id=reference("provider", rows.provider),
        care_site_id=reference("care_site", rows.organization),
        visit_source_value=rows.id,
        visit_source_concept_id=ibis.literal(0),
    )


def plans(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    start, end = day(rows.start_date), day(rows.end_date)
    return rows.select(
        **_row(rows),
        **{
            NATURAL: natural("plan", rows.patient, rows.payer, rows.start_date, rows.secondary_payer),
            REASON: first(*dated(rows.start_date, start), *dated(rows.end_date, end)),
        },
        person_id=reference("person", rows.patient),
        payer_plan_period_start_date=start,
        payer_plan_period_end_date=end,
        payer_source_value=rows.payer,
        plan_source_value=rows.plan_ownership,
    )


def costs(inputs: Inputs) -> ir.Table:
    """What a medication cost, where that is told: on the exposure that it became, or the first of several."""
    rows = inputs.driver().filter(lambda t: t.totalcost.notnull())
    what = natural("event", rows.patient, rows.encounter, rows.code, rows.start, rows.stop)
    total, paid = number(rows.totalcost), number(rows.payer_coverage)
    return rows.select(
        **_row(rows),
        **{NATURAL: natural("cost", what), REASON: ibis.null("string")},
        person_id=reference("person", rows.patient),
        cost_event_id=reference("events-medications", what, "0"),
        cost_domain_id=ibis.literal("Drug"),
        cost_type_concept_id=ibis.literal(CLAIM),
        currency_concept_id=ibis.literal(DOLLAR),
        total_charge=total,
        total_cost=total,
        total_paid=total,
        paid_by_payer=paid,
        paid_by_patient=total - paid,
    )

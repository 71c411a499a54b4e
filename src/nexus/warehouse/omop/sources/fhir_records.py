"""FHIR R4: persons, places, deaths, visits."""

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.keys import natural, reference
from nexus.warehouse.omop.parsing import choice, day, moment
from nexus.warehouse.omop.problems import Reason, dated, first
from nexus.warehouse.omop.source import FILE, LINE, NATURAL, REASON, Inputs, first_line

GENDERS = {"male": 8507, "female": 8532}
RACES = {"2106-3": 8527, "2054-5": 8516, "2028-9": 8515, "1002-5": 8657}
ETHNICITIES = {"2135-2": 38003563, "2186-5": 38003564}
INPATIENT, OUTPATIENT, EMERGENCY, HOME, VIRTUAL = 9201, 9202, 9203, 581476, 5083
VISITS = {
    "IMP": INPATIENT, "ACUTE": INPATIENT, "NONAC": INPATIENT, "AMB": OUTPATIENT, "SS": OUTPATIENT, "OBSENC": OUTPATIENT,
    "EMER": EMERGENCY, "HH": HOME, "VR": VIRTUAL,
}  # fmt: skip
EHR = 32827
NOT_SO = ("entered-in-error", "cancelled")


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
    """A date of birth may be a year alone, or a year and a month."""
    rows = inputs.driver()
    born = day(rows.birthdate)
    year = rows.birthdate.left(4).try_cast("int64")
    month = ibis.ifelse(rows.birthdate.length() >= 7, rows.birthdate.substr(5, 2).try_cast("int64"), ibis.null("int64"))
    place = (ibis.coalesce(part, "") for part in (rows.zip, rows.city, rows.state))
    return rows.select(
        FILE,
        LINE,
        **{
            NATURAL: natural("person", rows.id),
            REASON: first((rows.id.isnull(), Reason.NO_KEY), (year.isnull(), Reason.NO_BIRTH)),
        },
        gender_concept_id=choice(rows.gender, GENDERS),
        year_of_birth=year,
        month_of_birth=month,
        day_of_birth=born.day(),
        birth_datetime=born.cast("timestamp"),
        race_concept_id=choice(rows.race, RACES),
        ethnicity_concept_id=choice(rows.ethnicity, ETHNICITIES),
        location_id=reference("location", *place),
        person_source_value=rows.id,
        gender_source_value=rows.gender,
        race_source_value=rows.race,
        ethnicity_source_value=rows.ethnicity,
    )


def deaths(inputs: Inputs) -> ir.Table:
    rows = inputs.driver().filter(lambda t: t.deceased.notnull())
    died = moment(rows.deceased)
    return rows.select(
        FILE,
        LINE,
        **{NATURAL: natural("person", rows.id), REASON: first(*dated(rows.deceased, died))},
        person_id=reference("person", rows.id),
        death_date=died.date(),
        death_datetime=died,
        death_type_concept_id=ibis.literal(EHR),
    )


def care_sites(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return rows.select(
        FILE,
        LINE,
        **{NATURAL: natural("care_site", rows.id), REASON: first((rows.id.isnull(), Reason.NO_KEY))},
        care_site_name=rows.name,
        care_site_source_value=rows.id,
    )


def providers(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    return rows.select(
        FILE,
        LINE,
        **{NATURAL: natural("provider", rows.id), REASON: first((rows.id.isnull(), Reason.NO_KEY))},
        provider_name=rows.name,
        gender_concept_id=choice(rows.gender, GENDERS),
        provider_source_value=rows.id,
        gender_source_value=rows.gender,
    )


def visits(inputs: Inputs) -> ir.Table:
    rows = inputs.driver()
    start, end = moment(rows.start), moment(rows.stop)
    ended = ibis.ifelse(end < start, start, ibis.coalesce(end, start))
    return rows.select(
        FILE,
        LINE,
        **{
            NATURAL: natural("visit", rows.id),
            REASON: first(
                (rows.status.isin(NOT_SO).coalesce(False), Reason.CANCELLED),
                (rows.id.isnull(), Reason.NO_KEY),
                *dated(rows.start, start),
            ),
        },
        person_id=reference("person", rows.patient),
        visit_concept_id=choice(rows.kind, VISITS),
        visit_start_date=start.date(),
        visit_start_datetime=start,
        visit_end_date=ended.date(),
        visit_end_datetime=ended,
        visit_type_concept_id=ibis.literal(EHR),
        provider_id=reference("provider", rows.practitioner),
        care_site_id=reference("care_site", rows.organization),
        visit_source_value=rows.id,
    )

"""SNDS: beneficiaries, deaths, places, professionals, hospitals, contacts and stays."""

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.keys import natural, reference
from nexus.warehouse.omop.parsing import choice, snds_day, whole
from nexus.warehouse.omop.problems import Reason, first
from nexus.warehouse.omop.source import FILE, LINE, NATURAL, REASON, Inputs, first_line
from nexus.warehouse.omop.sources.snds_keys import care_name, hospitalised, insured, own_name, stays_of

GENDERS = {"1": 8507, "2": 8532}
OUTPATIENT, INPATIENT = 9202, 9201
STAY_CLAIM, CONTACT_CLAIM = 32855, 32861
CERTIFICATE = 32815
FIRST_DEATH = 1900
"""A year of death before means that the person lives: 1600-01-01 is written."""


def _people(inputs: Inputs) -> ir.Table:
    """One row for each person, whatever numbers of insurance it has had."""
    rows = inputs.driver()
    rows = rows.mutate(_name=own_name(rows), _died=snds_day(rows.ben_dcd_dte), _year=whole(rows.ben_nai_ann))
    rows = rows.mutate(_died=ibis.ifelse(rows._died.year() < FIRST_DEATH, ibis.null("date"), rows._died))
    return rows.group_by("_name").aggregate(
        **first_line(rows),
        year=rows._year.min(),
        month=whole(rows.ben_nai_moi).min(),
        sex=rows.ben_sex_cod.min(),
        department=rows.ben_res_dpt.max(),
        town=rows.ben_res_com.max(),
        died=rows._died.min(),
    )


def persons(inputs: Inputs) -> ir.Table:
    people = _people(inputs)
    known = people.year.between(1850, 2200)
    month = ibis.ifelse(people.month.between(1, 12), people.month, ibis.null("int64"))
    return people.select(
        FILE,
        LINE,
        **{
            NATURAL: natural("person", people._name),
            REASON: first((people._name.isnull(), Reason.NO_PERSON), (~known.coalesce(False), Reason.NO_BIRTH)),
        },
        gender_concept_id=choice(people.sex, GENDERS),
        year_of_birth=people.year,
        month_of_birth=month,
        location_id=reference("location", people.department, ibis.coalesce(people.town, "")),
        person_source_value=people._name,
        gender_source_value=people.sex,
    )


def deaths(inputs: Inputs) -> ir.Table:
    """The day from the beneficiaries, the cause from the certificates."""
    people = _people(inputs).filter(lambda t: t.died.notnull())
    told = inputs.whole("ki_cci_r")
    causes = told.group_by("ben_idt_ano").aggregate(cause=told.dcd_cim_cod.min())
    people = people.left_join(causes, people._name == causes.ben_idt_ano)
    codes = inputs.concepts("CIM10")
    people = people.left_join(codes, people.cause == codes.map_code)
    return people.select(
        FILE,
        LINE,
        **{NATURAL: natural("person", people._name), REASON: ibis.null("string")},
        person_id=reference("person", people._name),
        death_date=people.died,
        death_datetime=people.died.cast("timestamp"),
        death_type_concept_id=ibis.literal(CERTIFICATE),
        cause_concept_id=people.concept_id,
        cause_source_value=people.cause,
        cause_source_concept_id=people.source_concept_id,
    )


def locations(inputs: Inputs) -> ir.Table:
    rows = inputs.driver().filter(lambda t: t.ben_res_dpt.notnull())
    rows = rows.mutate(_town=ibis.coalesce(rows.ben_res_com, ""))
    places = rows.group_by(["ben_res_dpt", "_town"]).aggregate(**first_line(rows))
    return places.select(
        FILE,
        LINE,
        **{NATURAL: natural("location", places.ben_res_dpt, places._town), REASON: ibis.null("string")},
        county=places.ben_res_dpt,
        location_source_value=places.ben_res_dpt + "/" + places._town,
        country_source_value=ibis.literal("FR"),
    )


def providers(inputs: Inputs) -> ir.Table:
    rows = inputs.driver().filter(lambda t: t.pfs_exe_num.notnull())
    found = rows.group_by("pfs_exe_num").aggregate(**first_line(rows), speciality=rows.pse_spe_cod.max())
    return found.select(
        FILE,
        LINE,
        **{NATURAL: natural("provider", found.pfs_exe_num), REASON: ibis.null("string")},
        provider_source_value=found.pfs_exe_num,
        specialty_source_value=found.speciality,
    )


def hospitals(inputs: Inputs) -> ir.Table:
    rows = inputs.driver().filter(lambda t: t.eta_num.notnull())
    found = rows.group_by("eta_num").aggregate(**first_line(rows))
    return found.select(
        FILE,
        LINE,
        **{NATURAL: natural("care_site", found.eta_num), REASON: ibis.null("string")},
        care_site_source_value=found.eta_num,
    )


def care(inputs: Inputs) -> ir.Table:
    """One visit for each contact: a person, a day, a professional; a claim has a line for each part of its price."""
    rows = insured(inputs.driver(), inputs)
    rows = rows.mutate(_name=care_name(rows), _start=snds_day(rows.exe_soi_dtd))
    contacts = rows.group_by(["person", "_name"]).aggregate(
        **first_line(rows),
        start=rows._start.min(),
        told=rows.exe_soi_dtd.min(),
        by=rows.pfs_exe_num.min(),
    )
    return contacts.select(
        FILE,
        LINE,
        **{
            NATURAL: natural("visit", contacts._name),
            REASON: first(
                (contacts.person.isnull(), Reason.NO_PERSON),
                (contacts.told.isnull(), Reason.NO_DATE),
                (contacts.start.isnull(), Reason.BAD_DATE),
            ),
        },
        person_id=reference("person", contacts.person),
        visit_concept_id=ibis.literal(OUTPATIENT),
        visit_start_date=contacts.start,
        visit_start_datetime=contacts.start.cast("timestamp"),
        visit_end_date=contacts.start,
        visit_end_datetime=contacts.start.cast("timestamp"),
        visit_type_concept_id=ibis.literal(CONTACT_CLAIM),
        provider_id=reference("provider", contacts.by),
        visit_source_value=ibis.literal("DCIR"),
    )


def stays(inputs: Inputs) -> ir.Table:
    """One visit for each stay; a stay whose number of insurance failed its checks (NIR_RET) names nobody."""
    rows = hospitalised(inputs.driver(), inputs).rename(_stay="stay", _own="person")
    told = stays_of(inputs).select("stay", "person")
    ends = rows.left_join(told, rows._stay == told.stay)
    start, end = snds_day(ends.exe_soi_dtd), snds_day(ends.exe_soi_dtf)
    ended = ibis.greatest(start, ibis.coalesce(end, start))
    return ends.select(
        FILE,
        LINE,
        **{
            NATURAL: natural("visit", ends._stay),
            REASON: first(
                (ends._stay.isnull(), Reason.NO_KEY),
                (ends.nir_ano_17.isnull(), Reason.NO_PERSON),
                (ends.exe_soi_dtd.isnull(), Reason.NO_DATE),
                (start.isnull(), Reason.BAD_DATE),
            ),
        },
        person_id=reference("person", ibis.coalesce(ends.person, ends._own)),
        visit_concept_id=ibis.literal(INPATIENT),
        visit_start_date=start,
        visit_start_datetime=start.cast("timestamp"),
        visit_end_date=ended,
        visit_end_datetime=ended.cast("timestamp"),
        visit_type_concept_id=ibis.literal(STAY_CLAIM),
        care_site_id=reference("care_site", ends.eta_num),
        visit_source_value=ibis.literal("PMSI MCO"),
    )

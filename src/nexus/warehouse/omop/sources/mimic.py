"""MIMIC-III 1.4: the extract of a real hospital's intensive care. Its dates are shifted, so none is called future."""

from nexus.warehouse.omop.source import Coded, Direct, Source, SourceTable
from nexus.warehouse.omop.sources import mimic_events as events
from nexus.warehouse.omop.sources import mimic_records as records

_ID = ("row_id", "subject_id")
_STAY = ("hadm_id",)
_EVENTS = (
    "diagnoses_icd", "procedures_icd", "cptevents", "prescriptions", "labevents", "chartevents", "outputevents",
    "inputevents_mv", "inputevents_cv", "procedureevents_mv", "microbiologyevents", "datetimeevents",
)  # fmt: skip
MIMIC = Source(
    name="mimic",
    title="MIMIC-III 1.4",
    tables=(
        SourceTable("patients", ("subject_id", "gender", "dob"), ("dod", "dod_hosp", "dod_ssn"), person="subject_id"),
        SourceTable(
            "admissions",
            ("subject_id", "hadm_id", "admittime", "dischtime", "admission_type"),
            ("edregtime", "ethnicity", "admission_location", "discharge_location"),
            person="subject_id",
        ),
        SourceTable(
            "icustays",
            ("subject_id", "hadm_id", "icustay_id", "intime", "outtime"),
            ("first_careunit",),
            person="subject_id",
        ),
        SourceTable("caregivers", ("cgid",), ("label", "description")),
        SourceTable("d_items", ("itemid", "label"), ("category",)),
        SourceTable("d_labitems", ("itemid", "label"), ("loinc_code",)),
        SourceTable("diagnoses_icd", (*_ID, *_STAY, "icd9_code"), ("seq_num",), person="subject_id"),
        SourceTable("procedures_icd", (*_ID, *_STAY, "icd9_code"), ("seq_num",), person="subject_id"),
        SourceTable("cptevents", (*_ID, *_STAY, "cpt_cd"), ("chartdate",), person="subject_id"),
        SourceTable(
            "prescriptions",
            (*_ID, *_STAY, "startdate", "enddate", "drug"),
            ("ndc", "route", "form_val_disp", "dose_unit_rx"),
            person="subject_id",
        ),
        SourceTable(
            "labevents", (*_ID, *_STAY, "itemid", "charttime", "value"), ("valuenum", "valueuom"), person="subject_id"
        ),
        SourceTable(
            "chartevents",
            (*_ID, *_STAY, "itemid", "charttime", "value"),
            ("valuenum", "valueuom", "cgid", "error"),
            person="subject_id",
        ),
        SourceTable(
            "outputevents",
            (*_ID, *_STAY, "itemid", "charttime", "value"),
            ("valueuom", "cgid", "iserror"),
            person="subject_id",
        ),
        SourceTable(
            "inputevents_mv",
            (*_ID, *_STAY, "itemid", "starttime", "endtime", "amount"),
            ("amountuom", "cgid", "statusdescription"),
            person="subject_id",
        ),
        SourceTable(
            "inputevents_cv",
            (*_ID, *_STAY, "itemid", "charttime", "amount"),
            ("amountuom", "cgid", "originalroute"),
            person="subject_id",
        ),
        SourceTable(
            "procedureevents_mv",
            (*_ID, *_STAY, "itemid", "starttime", "endtime"),
            ("cgid", "statusdescription", "location"),
            person="subject_id",
        ),
        SourceTable(
            "microbiologyevents",
            (*_ID, *_STAY, "chartdate", "spec_itemid"),
            ("charttime", "org_itemid", "org_name", "ab_itemid", "interpretation", "spec_type_desc"),
            person="subject_id",
        ),
        SourceTable(
            "datetimeevents", (*_ID, *_STAY, "itemid", "charttime", "value"), ("cgid", "error"), person="subject_id"
        ),
    ),
    mappings=(
        Direct("person", "patients", records.persons),
        Direct("death", "patients", records.deaths),
        Direct("provider", "caregivers", records.providers),
        Direct("visit_occurrence", "admissions", records.visits),
        Direct("visit_detail", "icustays", records.stays),
        Coded("diagnoses_icd", "Condition", events.diagnoses),
        Coded("procedures_icd", "Procedure", events.procedures),
        Coded("cptevents", "Procedure", events.services),
        Coded("prescriptions", "Drug", events.prescriptions),
        Coded("labevents", "Measurement", events.laboratory),
        Coded("chartevents", "Measurement", events.charted),
        Coded("outputevents", "Measurement", events.outputs),
        Coded("inputevents_mv", "Drug", events.inputs_metavision),
        Coded("inputevents_cv", "Drug", events.inputs_carevue),
        Coded("procedureevents_mv", "Procedure", events.procedures_at_bed),
        Coded("microbiologyevents", "Measurement", events.cultures),
        Coded("datetimeevents", "Observation", events.moments),
    ),
    vocabularies=("ICD9CM", "ICD9Proc", "CPT4", "NDC", "LOINC", events.ITEM, events.DRUG),
    observed_by=("visit_occurrence",),
    period_type=32827,
    shifted=frozenset(_EVENTS),
)

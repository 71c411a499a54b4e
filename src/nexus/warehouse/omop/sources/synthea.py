"""Synthea's CSV extract: a synthetic hospital, whose conversion by OHDSI's own program is published."""

from nexus.warehouse.omop.source import Coded, Direct, Source, SourceTable
from nexus.warehouse.omop.sources import synthea_events as events
from nexus.warehouse.omop.sources import synthea_records as records

BY_ALGORITHM = 32882
_EVENT = ("patient", "encounter", "code")
_ID = ("id",)
_IN_VISIT = ("encounters", ("encounter",))
SYNTHEA = Source(
    name="synthea",
    title="Synthea, CSV",
    tables=(
        SourceTable(
            "patients",
            ("id", "birthdate", "gender"),
            ("deathdate", "race", "ethnicity", "city", "state", "zip"),
            person="id",
            row=_ID,
        ),
        SourceTable("organizations", ("id", "name"), row=_ID),
        SourceTable("providers", ("id", "organization", "name"), ("gender", "speciality"), row=_ID),
        SourceTable(
            "encounters",
            ("id", "start", "stop", "patient", "encounterclass"),
            ("organization", "provider", "code", "reasoncode"),
            person="patient",
            row=_ID,
        ),
        SourceTable("conditions", ("start", "stop", *_EVENT), ("system",), person="patient", within=_IN_VISIT),
        SourceTable("allergies", ("start", *_EVENT), ("system",), person="patient", within=_IN_VISIT),
        SourceTable(
            "medications",
            ("start", "stop", *_EVENT),
            ("dispenses", "totalcost", "payer_coverage"),
            person="patient",
            within=_IN_VISIT,
        ),
        SourceTable("immunizations", ("date", *_EVENT), person="patient", within=_IN_VISIT),
        SourceTable("procedures", ("start", *_EVENT), ("stop",), person="patient", within=_IN_VISIT),
        SourceTable("careplans", ("id", "start", "stop", *_EVENT), person="patient", within=_IN_VISIT),
        SourceTable(
            "imaging_studies",
            ("id", "date", "patient", "encounter", "procedure_code"),
            ("series_uid", "instance_uid", "modality_code"),
            person="patient",
            within=_IN_VISIT,
        ),
        SourceTable("devices", ("start", "stop", *_EVENT), ("udi",), person="patient", within=_IN_VISIT),
        SourceTable("supplies", ("date", *_EVENT), ("quantity",), person="patient", within=_IN_VISIT),
        SourceTable("observations", ("date", *_EVENT, "value"), ("units",), person="patient", within=_IN_VISIT),
        SourceTable(
            "payer_transitions",
            ("patient", "payer", "start_date", "end_date"),
            ("secondary_payer", "plan_ownership"),
            person="patient",
        ),
    ),
    mappings=(
        Direct("location", "patients", records.locations, by_piece=False),
        Direct("person", "patients", records.persons),
        Direct("death", "patients", records.deaths),
        Direct("care_site", "organizations", records.care_sites),
        Direct("provider", "providers", records.providers),
        Direct("visit_occurrence", "encounters", records.visits),
        Direct("payer_plan_period", "payer_transitions", records.plans),
        Coded("conditions", "Condition", events.conditions),
        Coded("allergies", "Observation", events.allergies),
        Coded("medications", "Drug", events.medications),
        Coded("immunizations", "Drug", events.immunizations),
        Coded("procedures", "Procedure", events.procedures),
        Coded("careplans", "Procedure", events.careplans),
        Coded("imaging_studies", "Procedure", events.imaging),
        Coded("devices", "Device", events.devices),
        Coded("supplies", "Device", events.supplies),
        Coded("observations", "Measurement", events.observations),
        Direct("cost", "medications", records.costs),
    ),
    vocabularies=("SNOMED", "ICD10CM", "RxNorm", "CVX", "LOINC"),
    observed_by=("visit_occurrence",),
    period_type=BY_ALGORITHM,
)

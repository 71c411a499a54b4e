"""FHIR R4: resources as bulk export writes them (NDJSON, a file for each kind), or Bundles.

Of a code with several codings, the one is taken whose vocabulary OMOP knows best (`fhir_fields.SYSTEMS`); others are left.
"""

from collections.abc import Callable, Iterator

from nexus.warehouse.omop.source import Coded, Direct, Element, Source, SourceTable
from nexus.warehouse.omop.sources import fhir_events as events
from nexus.warehouse.omop.sources import fhir_records as records
from nexus.warehouse.omop.sources.fhir_fields import (
    ETHNICITY,
    RACE,
    SYSTEMS,
    Resource,
    code,
    components,
    extension,
    identified,
    itself,
    reference,
    system,
    text,
)

BY_ALGORITHM = 32882


def _table(
    resource: str,
    fields: dict[str, Element],
    person: str = "patient",
    spread: Callable[[Resource], Iterator[Resource]] = itself,
) -> SourceTable:
    return SourceTable(resource.lower(), tuple(fields), person=person, resource=resource, fields=fields, spread=spread)


def _fields(**fields: Element) -> dict[str, Element]:
    return fields


def _event(coded: str, **fields: Element) -> dict[str, Element]:
    whose = {
        "patient": reference("Patient", "subject", "patient"),
        "encounter": reference("Encounter", "encounter", "context"),
    }
    found = {"code": code(coded), "system": system(coded), "status": text("status")}
    return {"id": text("id"), **whose, **found, **fields}


_STARTED = text("performedDateTime", "performedPeriod.start")
FHIR = Source(
    name="fhir",
    title="FHIR R4",
    tables=(
        _table(
            "Patient",
            _fields(
                id=text("id"),
                birthdate=text("birthDate"),
                gender=text("gender"),
                deceased=text("deceasedDateTime"),
                race=extension(RACE),
                ethnicity=extension(ETHNICITY),
                city=text("address.0.city"),
                state=text("address.0.state"),
                zip=text("address.0.postalCode"),
            ),
            person="id",
        ),
        _table("Organization", _fields(id=identified, name=text("name")), person=""),
        _table(
            "Practitioner",
            _fields(id=identified, name=text("name.0.text", "name.0.family"), gender=text("gender")),
            person="",
        ),
        _table("Medication", _fields(id=text("id"), code=code("code"), system=system("code")), person=""),
        _table(
            "Encounter",
            _fields(
                id=text("id"),
                patient=reference("Patient", "subject"),
                status=text("status"),
                kind=text("class.code"),
                start=text("period.start"),
                stop=text("period.end"),
                organization=reference("Organization", "serviceProvider"),
                practitioner=reference("Practitioner", "participant.0.individual"),
            ),
        ),
        _table(
            "Condition",
            _event(
                "code",
                status=text("verificationStatus.coding.0.code"),
                clinical=text("clinicalStatus.coding.0.code"),
                start=text("onsetDateTime", "onsetPeriod.start"),
                stop=text("abatementDateTime", "abatementPeriod.end"),
                recorded=text("recordedDate"),
            ),
        ),
        _table(
            "AllergyIntolerance",
            _event(
                "code",
                status=text("verificationStatus.coding.0.code"),
                start=text("onsetDateTime"),
                recorded=text("recordedDate"),
            ),
        ),
        _table(
            "MedicationRequest",
            _event(
                "medicationCodeableConcept",
                medication=reference("Medication", "medicationReference"),
                start=text("authoredOn"),
                refills=text("dispenseRequest.numberOfRepeatsAllowed"),
                quantity=text("dispenseRequest.quantity.value"),
                days=text("dispenseRequest.expectedSupplyDuration.value"),
                sig=text("dosageInstruction.0.text"),
            ),
        ),
        _table(
            "MedicationAdministration",
            _event(
                "medicationCodeableConcept",
                medication=reference("Medication", "medicationReference"),
                start=text("effectiveDateTime", "effectivePeriod.start"),
                stop=text("effectivePeriod.end"),
                dose=text("dosage.dose.value"),
                unit=text("dosage.dose.code", "dosage.dose.unit"),
            ),
        ),
        _table("Immunization", _event("vaccineCode", date=text("occurrenceDateTime"), lot=text("lotNumber"))),
        _table("Procedure", _event("code", start=_STARTED, stop=text("performedPeriod.end"))),
        _table(
            "Observation",
            _event(
                "code",
                part=text("_part"),
                start=text("effectiveDateTime", "effectivePeriod.start", "issued"),
                value=text("valueQuantity.value", "valueInteger"),
                value_code=code("valueCodeableConcept"),
                value_string=text("valueString", "valueBoolean", "valueDateTime"),
                unit=text("valueQuantity.code", "valueQuantity.unit"),
                low=text("referenceRange.0.low.value"),
                high=text("referenceRange.0.high.value"),
            ),
            spread=components,
        ),
        _table("DiagnosticReport", _event("code", start=text("effectiveDateTime", "effectivePeriod.start", "issued"))),
    ),
    mappings=(
        Direct("location", "patient", records.locations, by_piece=False),
        Direct("person", "patient", records.persons),
        Direct("death", "patient", records.deaths),
        Direct("care_site", "organization", records.care_sites),
        Direct("provider", "practitioner", records.providers),
        Direct("visit_occurrence", "encounter", records.visits),
        Coded("condition", "Condition", events.conditions),
        Coded("allergyintolerance", "Observation", events.allergies),
        Coded("medicationrequest", "Drug", events.requests),
        Coded("medicationadministration", "Drug", events.administrations),
        Coded("immunization", "Drug", events.immunizations),
        Coded("procedure", "Procedure", events.procedures),
        Coded("observation", "Measurement", events.observations),
        Coded("diagnosticreport", "Measurement", events.reports),
    ),
    vocabularies=tuple(SYSTEMS.values()),
    observed_by=("visit_occurrence",),
    period_type=BY_ALGORITHM,
)

"""`$revokeConsent` in the shape of HL7's guide to scalable consent management: which Consent, and whose it is.

The guide has a third parameter, a document that comes along. None is stored here, so one is refused; the document of a
revocation on paper is recorded with the operation for paper.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nexus.consent.fhir.directive import PatientName
from nexus.consent.fhir.elements import check_only
from nexus.consent.fhir.facts import internal_id, patient_of
from nexus.consent.fhir.narrowing import literal
from nexus.consent.fhir.releases import Release, check_structure
from nexus.consent.fhir.troubles import invalid, unsupported


@dataclass(frozen=True, slots=True)
class Revocation:
    """The Consent (our id), and the patient as the caller names him."""

    consent: str
    patient: PatientName


def read(release: Release, document: Mapping[str, Any]) -> Revocation:
    """The parameters. Raises Misfit."""
    check_structure(release, "Parameters", document)
    check_only(document, ("resourceType", "id", "meta", "parameter"), "Parameters")
    named: dict[str, tuple[Mapping[str, Any], str]] = {}
    for index, parameter in enumerate(document.get("parameter", ())):
        place = f"Parameters.parameter[{index}]"
        check_only(parameter, ("name", "valueReference"), place)
        if parameter["name"] not in ("consent", "patient"):
            raise unsupported(place, "the parameters are `consent` and `patient`")
        if parameter["name"] in named or "valueReference" not in parameter:
            raise invalid("each parameter is one reference", place)
        named[parameter["name"]] = (parameter["valueReference"], f"{place}.valueReference")
    if set(named) != {"consent", "patient"}:
        raise invalid("both `consent` and `patient` are needed", "Parameters.parameter")
    consent = literal(*named["consent"])
    if not consent.startswith("Consent/"):
        raise unsupported(named["consent"][1], "a Consent is expected: Consent/<id>")
    return Revocation(internal_id(consent.partition("/")[2]), patient_of(*named["patient"]))

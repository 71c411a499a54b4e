"""Entries of the audit log as AuditEvent, in R4 after the profiles of IHE's Basic Audit (BALP), in R5 with the same content.

Only what succeeded claims a profile: BALP has none for refusals. An entry whose person was erased is no AuditEvent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nexus.consent.fhir.facts import fhir_id
from nexus.consent.fhir.releases import Release
from nexus.consent.fhir.saying import coding
from nexus.kernel.ids import is_id
from nexus.kernel.operation import Outcome

_DCM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_INTERACTION: Final = "http://hl7.org/fhir/restful-interaction"
_BALP: Final = "https://profiles.ihe.net/ITI/BALP"
_ENTITY_TYPE: Final = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
_ROLE: Final = "http://terminology.hl7.org/CodeSystem/object-role"
_REST: Final = ("http://terminology.hl7.org/CodeSystem/audit-event-type", "rest")
_INFORMATION_RECIPIENT: Final = ("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP")
_SEVERITY: Final = "http://hl7.org/fhir/issue-severity"
_SOURCE_ROLE: Final = (_DCM, "110153")
_DESTINATION_ROLE: Final = (_DCM, "110152")
_OBSERVER: Final = {"identifier": {"system": "urn:nexus:part", "value": "audit"}}


@dataclass(frozen=True, slots=True)
class Interaction:
    """What an action is in the words of REST. `profile`: BALP's name of it, with `Patient` before it where one is known."""

    code: str
    action: str
    profile: str = ""


_READ, _SEARCH = Interaction("read", "R", "Read"), Interaction("search-type", "E")
_CREATE, _UPDATE = Interaction("create", "C", "Create"), Interaction("update", "U", "Update")
_DELETE, _OTHER = Interaction("delete", "D", "Delete"), Interaction("operation", "E")
INTERACTIONS: Final[Mapping[str, Interaction]] = {
    **dict.fromkeys(("read", "show", "export", "prove", "receipt", "accesses"), _READ),
    **dict.fromkeys(("list", "find", "search"), _SEARCH),
    **dict.fromkeys(("create", "write", "register", "record", "decide", "object", "invite", "grant"), _CREATE),
    **dict.fromkeys(("change", "update", "configure", "withdraw", "correct", "lift-objection", "tag"), _UPDATE),
    **dict.fromkeys(("delete", "remove", "erase", "destroy"), _DELETE),
}
"""Last word of an action -> interaction; every other is an operation."""
_R4_OUTCOME: Final = {Outcome.ALLOWED: "0", Outcome.DENIED: "4", Outcome.FAILED: "8"}
_R5_OUTCOME: Final = {Outcome.ALLOWED: "success", Outcome.DENIED: "error", Outcome.FAILED: "fatal"}
OUTCOME_OF_CODE: Final = {code: outcome for outcome, code in _R4_OUTCOME.items()} | {
    code: outcome for outcome, code in _R5_OUTCOME.items()
}


def interaction_of(action: str) -> Interaction:
    """The interaction that an action is."""
    return INTERACTIONS.get(action.rpartition(".")[2], _OTHER)


def audit_event(release: Release, index: int, content: Mapping[str, Any], about: str = "") -> dict[str, Any]:
    """One entry. `content`: `EntryContent`, as the operation answers with it. `about`: the patient whom it was found for.

    An entry about many names a manifest: of them, the event names the one who was asked for.
    """
    subject = about or content.get("subject") or ""
    patient = {"reference": f"Patient/{fhir_id(subject)}"} if is_id(subject, "sub") else None
    made = interaction_of(content["action"])
    write = _r4 if release is Release.R4 else _r5
    return {"resourceType": "AuditEvent", "id": str(index), **write(content, made, patient)}


def _concept(code: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [coding(code)]}


def _parts(made: Interaction) -> tuple[tuple[str, str], tuple[str, str]]:
    """Roles of client and server: data flow to the client, but for what it writes."""
    written = made.action in ("C", "U")
    return (_SOURCE_ROLE, _DESTINATION_ROLE) if written else (_DESTINATION_ROLE, _SOURCE_ROLE)


def _who(content: Mapping[str, Any]) -> dict[str, Any]:
    actor = content["actor"]
    return {"identifier": {"system": "urn:nexus:identity", "value": actor["id"]}}


def _r4(content: Mapping[str, Any], made: Interaction, patient: dict[str, str] | None) -> dict[str, Any]:
    client, server = _parts(made)
    purpose = [_concept(("urn:nexus:purpose", content["purpose"]))]
    event: dict[str, Any] = {}
    if made.profile and content["outcome"] == Outcome.ALLOWED:
        named = f"Patient{made.profile}" if patient else made.profile
        event["meta"] = {"profile": [f"{_BALP}/StructureDefinition/IHE.BasicAudit.{named}"]}
    event |= {
        "type": coding(_REST),
        "subtype": [coding((_INTERACTION, made.code)), coding(("urn:nexus:action", content["action"]))],
        "action": made.action,
        "period": {"start": content["at"], "end": content["recorded"]},
        "recorded": content["recorded"],
        "outcome": _R4_OUTCOME[Outcome(content["outcome"])],
        "agent": [
            {
                "type": _concept(client),
                "who": {"display": content["client"] or "client"},
                "requestor": False,
                "network": {"address": content["origin"], "type": "2"},
            },
            {
                "type": _concept(server),
                "who": {"identifier": {"system": "urn:nexus:door", "value": content["door"]}},
                "requestor": False,
                "network": {"address": f"urn:nexus:door:{content['door']}", "type": "5"},
            },
            {
                "type": _concept(_INFORMATION_RECIPIENT),
                "who": _who(content),
                "requestor": True,
                "purposeOfUse": purpose,
            },
        ],
        "source": {
            "observer": _OBSERVER,
            "type": [coding(("http://terminology.hl7.org/CodeSystem/security-source-type", "4"))],
        },
        "entity": [
            {
                "what": {"identifier": {"value": content["operation"]}},
                "type": coding((f"{_BALP}/CodeSystem/BasicAuditEntityType", "XrequestId")),
            },
            {
                "what": {"identifier": {"system": "urn:nexus:resource", "value": _resource(content)}},
                "type": coding((_ENTITY_TYPE, "2")),
                "role": coding((_ROLE, "4")),
            },
        ],
    }
    if patient:
        event["entity"].append({"what": patient, "type": coding((_ENTITY_TYPE, "1")), "role": coding((_ROLE, "1"))})
    return event


def _r5(content: Mapping[str, Any], made: Interaction, patient: dict[str, str] | None) -> dict[str, Any]:
    client, server = _parts(made)
    purpose = [_concept(("urn:nexus:purpose", content["purpose"]))]
    event: dict[str, Any] = {
        "category": [_concept(_REST)],
        "code": {"coding": [coding((_INTERACTION, made.code)), coding(("urn:nexus:action", content["action"]))]},
        "action": made.action,
        "occurredPeriod": {"start": content["at"], "end": content["recorded"]},
        "recorded": content["recorded"],
        "outcome": {"code": coding((_SEVERITY, _R5_OUTCOME[Outcome(content["outcome"])]))},
        "authorization": purpose,
        "agent": [
            {
                "type": _concept(client),
                "who": {"display": content["client"] or "client"},
                "requestor": False,
                "networkString": content["origin"],
            },
            {
                "type": _concept(server),
                "who": {"identifier": {"system": "urn:nexus:door", "value": content["door"]}},
                "requestor": False,
                "networkUri": f"urn:nexus:door:{content['door']}",
            },
            {
                "type": _concept(_INFORMATION_RECIPIENT),
                "who": _who(content),
                "requestor": True,
                "authorization": purpose,
            },
        ],
        "source": {"observer": _OBSERVER},
        "entity": [
            {"what": {"identifier": {"value": content["operation"]}}},
            {
                "what": {"identifier": {"system": "urn:nexus:resource", "value": _resource(content)}},
                "role": _concept((_ROLE, "4")),
            },
        ],
    }
    if patient:
        event["patient"] = patient
        event["entity"].append({"what": patient, "role": _concept((_ROLE, "1"))})
    return event


def _resource(content: Mapping[str, Any]) -> str:
    return f"{content['resource']['type']}:{content['resource']['id']}"

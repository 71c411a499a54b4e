"""Consents as hospitals' software writes them in R4 and R5, and what a reader would ask afterwards."""

from collections.abc import Sequence
from typing import Any

from nexus.consent.fhir.clauses import Uses
from nexus.consent.fhir.terms import Terms
from nexus.consent.model import (
    Capacity,
    Decision,
    DecisionKind,
    Provision,
    Question,
    Recipient,
    Sensitivity,
)
from nexus.consent.rules import CONSENT_ONLY, Bases, decide
from nexus.kernel.clock import Instant, parse_rfc3339

REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
LABEL = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
SUBJECT = "sub_01jd3v8f2x7q9k4m6n0p5r1s2t"
PATIENT = {"reference": "Patient/sub-01jd3v8f2x7q9k4m6n0p5r1s2t"}
DOCTOR, OTHER_DOCTOR = "per_01jd3v8f2x7q9k4m6n0p5r1s2t", "per_01jd3v8f2x7q9k4m6n0p5r1s2v"
NOW = parse_rfc3339("2026-11-27T12:00:00Z")
TERMS = Terms(
    purposes={("http://example.org/policies/purposeOfUse", "FooBar"): Uses(projects=("foobar",))},
    persons={"Practitioner/ex-practitioner": DOCTOR},
    break_glass=frozenset({"Group/ex-privilegedUsers"}),
)
"""What the installation says of the codes and references of IHE's examples."""


def purposes(*codes: str) -> list[dict[str, str]]:
    """Purposes by their codes of v3-ActReason, or `system|code`."""
    return [coding(code if "|" in code else f"{REASON}|{code}") for code in codes]


def coding(code: str) -> dict[str, str]:
    system, _, value = code.partition("|")
    return {"system": system, "code": value}


def labels(*codes: str) -> list[dict[str, str]]:
    """Security labels: degrees of confidentiality have one letter, sensitive categories more."""
    return [coding(f"{CONFIDENTIALITY if len(code) == 1 else LABEL}|{code}") for code in codes]


def recipient(reference: str) -> dict[str, Any]:
    role = {"coding": [coding("http://terminology.hl7.org/CodeSystem/v3-ParticipationType|IRCP")]}
    return {"role": role, "reference": {"reference": reference}}


def data(meaning: str, reference: str) -> dict[str, Any]:
    return {"meaning": meaning, "reference": {"reference": reference}}


def r4(provision: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A Consent in R4. Values of None leave an element away."""
    document = {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [coding("http://terminology.hl7.org/CodeSystem/consentscope|patient-privacy")]},
        "category": [{"coding": [coding("http://loinc.org|59284-0")]}],
        "patient": PATIENT,
        "policy": [{"uri": "http://hospital.example/policy"}],
        "provision": provision or {"type": "permit", "purpose": purposes("TREAT")},
        **more,
    }
    return {name: value for name, value in document.items() if value is not None}


def r5(decision: str | None, *provisions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Consent in R5."""
    document = {
        "resourceType": "Consent",
        "status": "active",
        "subject": PATIENT,
        "decision": decision,
        "provision": list(provisions) or None,
        **more,
    }
    return {name: value for name, value in document.items() if value is not None}


def decided(provisions: Sequence[Provision]) -> list[Decision]:
    """A history of one decision."""
    return [
        Decision(
            id="dec_one",
            subject=SUBJECT,
            number=1,
            kind=DecisionKind.PERMISSIONS,
            provisions=tuple(provisions),
            about=(),
            capacity=Capacity.SELF,
            account="",
            recorded_by=OTHER_DOCTOR,
            decided_at=Instant(0),
            recorded_at=Instant(0),
        )
    ]


def read(
    provisions: Sequence[Provision],
    purpose: str = "care",
    *,
    person: str = OTHER_DOCTOR,
    site: str = "chu",
    project: str = "",
    label: str = "",
    categories: Sequence[str] = (),
    references: Sequence[str] = (),
    collected: tuple[str, str] | None = None,
    at: str = "",
    broken_glass: bool = False,
    bases: Bases = CONSENT_ONLY,
) -> bool:
    """Whether a read is allowed by these provisions alone."""
    degrees = {"N": Sensitivity.NORMAL, "R": Sensitivity.RESTRICTED, "V": Sensitivity.VERY_RESTRICTED}
    question = Question(
        subjects=(SUBJECT,),
        purpose=purpose,
        recipient=Recipient(site, project, person),
        at=parse_rfc3339(at) if at else NOW,
        categories=tuple(categories),
        sensitivity=degrees.get(label),
        references=tuple(references),
        collected=(parse_rfc3339(collected[0]), parse_rfc3339(collected[1])) if collected else None,
        break_glass=broken_glass,
    )
    return decide(question, decided(provisions), bases).allowed

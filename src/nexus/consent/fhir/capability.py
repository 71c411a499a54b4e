"""The CapabilityStatement of each release: what the door can do, in FHIR's own form. Open to everybody; it holds no data."""

from typing import Any, Final

from nexus import __version__
from nexus.consent.fhir.audit_events import INTERACTIONS
from nexus.consent.fhir.negotiation import MEDIA_TYPE
from nexus.consent.fhir.releases import FACTS, Release
from nexus.consent.fhir.searching import AUDIT_EVENT, CONSENT, Kind, Parameter

PUBLISHED: Final = "2026-11-27"
"""When this description last changed."""
CONSENT_INTERACTIONS: Final = ("create", "read", "vread", "update", "history-instance", "search-type")
AUDIT_INTERACTIONS: Final = ("read", "search-type")
REVOKE: Final = "http://hl7.org/fhir/us/consent-management/OperationDefinition/revoke-consent"
_BALP: Final = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit"
PROFILES: Final = tuple(
    f"{_BALP}.{prefix}{name}"
    for name in dict.fromkeys(made.profile for made in INTERACTIONS.values() if made.profile)
    for prefix in ("", "Patient")
)


def statement(release: Release, base: str) -> dict[str, Any]:
    """The CapabilityStatement."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": PUBLISHED,
        "kind": "instance",
        "software": {"name": "Nexus", "version": __version__},
        "implementation": {"description": "Decisions of patients, and who used their data", "url": base},
        "fhirVersion": FACTS[release].version,
        "format": [MEDIA_TYPE, "json"],
        "rest": [
            {
                "mode": "server",
                "documentation": "What is accepted is enforced; what could not be enforced is refused, and named.",
                "security": {
                    "cors": False,
                    "description": "A bearer token of the platform, as at its REST door; Nexus-Purpose says what for.",
                },
                "resource": [_consent(), _audit_event(release)],
            }
        ],
    }


def _consent() -> dict[str, Any]:
    return {
        "type": "Consent",
        "interaction": [{"code": code} for code in CONSENT_INTERACTIONS],
        "versioning": "versioned-update",
        "readHistory": True,
        "updateCreate": False,
        "conditionalCreate": True,
        "conditionalRead": "not-supported",
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
        "referencePolicy": ["literal"],
        "searchParam": _parameters(CONSENT),
        "operation": [{"name": "revokeConsent", "definition": REVOKE}],
    }


def _audit_event(release: Release) -> dict[str, Any]:
    described: dict[str, Any] = {
        "type": "AuditEvent",
        "interaction": [{"code": code} for code in AUDIT_INTERACTIONS],
        "versioning": "no-version",
        "readHistory": False,
        "updateCreate": False,
        "conditionalCreate": False,
        "searchParam": _parameters(AUDIT_EVENT),
    }
    if release is Release.R4:  # IHE publishes the profiles for R4 only
        described["supportedProfile"] = list(PROFILES)
    return described


def _parameters(known: tuple[Parameter, ...]) -> list[dict[str, str]]:
    return [
        {"name": each.name, "type": each.kind.value, "documentation": each.note}
        for each in known
        if each.kind is not Kind.RESULT
    ]

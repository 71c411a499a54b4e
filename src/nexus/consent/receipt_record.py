"""A decision in the fields of ISO/IEC TS 27560 (consent records and receipts). Pure; docs/formats/consent-receipt.md."""

from typing import Any, Final

from msgspec import Struct

from nexus.consent.model import Decision, DecisionKind, Effect, Period, Provision
from nexus.iam.model import Purpose
from nexus.kernel.clock import rfc3339

SCHEMA: Final = "ISO/IEC TS 27560:2023"
RIGHTS: Final = ("access", "rectification", "erasure", "restriction", "portability", "objection", "withdrawal")
"""GDPR, articles 7(3) and 15 to 21."""
ARTICLE: Final = {
    Purpose.CARE: "EHDS primary use",
    Purpose.PUBLIC_HEALTH: "EHDS 53(1)(a)",
    Purpose.POLICY_MAKING: "EHDS 53(1)(b)",
    Purpose.STATISTICS: "EHDS 53(1)(c)",
    Purpose.EDUCATION: "EHDS 53(1)(d)",
    Purpose.RESEARCH: "EHDS 53(1)(e)",
    Purpose.CARE_IMPROVEMENT: "EHDS 53(1)(f)",
    Purpose.QUALITY: "quality assurance",
}
STATE: Final = {
    DecisionKind.PERMISSIONS: "decided",
    DecisionKind.WITHDRAWAL: "withdrawn",
    DecisionKind.OBJECTION: "objected",
    DecisionKind.LIFTING: "objection lifted",
    DecisionKind.CORRECTION: "corrected",
}


class Circumstances(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a receipt says besides the decision. `notice`: address of the privacy notice; empty if none is set."""

    site: str
    zone: str
    notice: str
    language: str


def record_of(decision: Decision, circumstances: Circumstances) -> dict[str, Any]:
    """The record. Fields that say nothing are left out."""
    return {
        "schema_version": SCHEMA,
        "record_id": decision.id,
        "pii_principal_id": decision.subject,
        "pii_processing": {
            **({"privacy_notice": circumstances.notice} if circumstances.notice else {}),
            "language": circumstances.language,
            "purposes": [
                _purpose(provision, purpose, circumstances)
                for provision in decision.provisions
                for purpose in provision.purposes
            ],
        },
        "party_identification": _parties(decision, circumstances),
        "event": [
            {
                "event_time": rfc3339(decision.recorded_at),
                "event_type": "paper" if not decision.account else "account",
                "event_state": STATE[decision.kind],
                "entity_id": decision.recorded_by,
                "decided_at": rfc3339(decision.decided_at),
                **({"about": list(decision.about)} if decision.about else {}),
            }
        ],
    }


def _purpose(provision: Provision, purpose: Purpose, circumstances: Circumstances) -> dict[str, Any]:
    recipients = [*(f"site:{name}" for name in provision.sites), *provision.persons]
    return {
        "purpose": purpose.value,
        "purpose_type": ARTICLE[purpose],
        "lawful_basis": "GDPR 6(1)(a), 9(2)(a)" if provision.effect is Effect.PERMIT else "none: refused",
        "consent_type": "explicit",
        "effect": provision.effect.value,
        "pii_information": [
            {"pii_type": category.value, "special_pii_category": True} for category in provision.categories
        ]
        or [{"pii_type": "health data", "special_pii_category": True}],
        "pii_controllers": [circumstances.site],
        **_unless_empty("projects", list(provision.projects)),
        **_unless_empty("recipient_third_parties", recipients),
        **_unless_empty("sources", list(provision.sources)),
        **_unless_empty("sensitivity", [each.value for each in provision.sensitivities]),
        **_unless_empty("references", list(provision.references)),
        **_unless_empty("collected", _period(provision.collected)),
        **_unless_empty("validity", _period(provision.valid)),
        **({"emergency": True} if provision.emergency else {}),
        "storage_locations": [circumstances.zone],
        "jurisdiction": "EU",
        "withdrawal_method": "portal, REST, or the consent desk of the site",
        "privacy_rights": list(RIGHTS),
    }


def _parties(decision: Decision, circumstances: Circumstances) -> list[dict[str, str]]:
    controller = {"party_id": circumstances.site, "party_role": "pii_controller", "party_type": "site"}
    role = "pii_principal" if decision.capacity.value == "self" else decision.capacity.value
    decider = {"party_id": decision.account or decision.subject, "party_role": role, "party_type": "person"}
    return [controller, decider]


def _period(period: Period) -> dict[str, str]:
    ends = (("from", period.start), ("until", period.end))
    return {name: rfc3339(moment) for name, moment in ends if moment is not None}


def _unless_empty(name: str, value: Any) -> dict[str, Any]:
    return {name: value} if value else {}

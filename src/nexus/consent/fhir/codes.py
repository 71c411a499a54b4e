"""Codes of HL7 and what they mean here. Whoever adds one adds it to both directions; docs/reference/fhir.md shows them."""

from collections.abc import Mapping
from typing import Final

from nexus.consent.model import DataCategory, Sensitivity
from nexus.iam.model import Purpose

ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
ACT_CODE: Final = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
CONFIDENTIALITY: Final = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
CONSENT_SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
PARTICIPATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
LOINC: Final = "http://loinc.org"
PURPOSE: Final = "urn:nexus:purpose"
"""Every purpose of the platform under its own name."""
PROJECT: Final = "urn:nexus:project"
"""A named research project, as a purpose."""
CATEGORY: Final = "urn:nexus:data-category"
"""Every category of data under its own name."""
SOURCE: Final = "urn:nexus:fhir:source"
"""Modifier of a provision: where the data come from."""
SITE: Final = "urn:nexus:fhir:site"
"""Modifier of a provision: sites of the recipients, where persons are named too."""
IN_PROJECT: Final = "urn:nexus:fhir:project"
"""Modifier of a provision: named projects, where their purpose is not research alone."""
PROVISIONS_ONLY: Final = "urn:nexus:fhir:provisions-only"
"""Extension of an R5 Consent: its decision is no default for what its provisions do not name."""
PROVISION_TYPE: Final = "http://hl7.org/fhir/4.0/StructureDefinition/extension-Consent.provision.type"
"""HL7's cross-version extension: what R4 says of a provision, in R5."""

RULES: Final = "urn:nexus:policy:consent"
"""The policy that every Consent here is ruled by: docs/explanation/consent.md."""

BREAK_GLASS: Final = (ACT_REASON, "BTG")
RECIPIENT: Final = (PARTICIPATION, "IRCP")
"""The one role of an actor: who receives."""
PRIVACY: Final = (CONSENT_SCOPE, "patient-privacy")
RESEARCH: Final = (CONSENT_SCOPE, "research")
SCOPES: Final = frozenset({PRIVACY, RESEARCH})
CONSENT_DOCUMENT: Final = (LOINC, "59284-0")
CATEGORIES: Final = frozenset({CONSENT_DOCUMENT, (LOINC, "64292-6"), (ACT_CODE, "IDSCL"), (ACT_CODE, "RESEARCH")})
"""What a Consent may call itself: none of them changes what its provisions do."""

PURPOSE_OF: Final[Mapping[tuple[str, str], tuple[Purpose, ...]]] = {
    (ACT_REASON, "TREAT"): (Purpose.CARE,),
    (ACT_REASON, "PUBHLTH"): (Purpose.PUBLIC_HEALTH,),
    (ACT_REASON, "HRESCH"): (Purpose.RESEARCH,),
    (ACT_REASON, "HQUALIMP"): (Purpose.QUALITY,),
    (ACT_REASON, "TRAIN"): (Purpose.EDUCATION,),
}
"""Codes of v3-ActReason that are purposes of the platform."""
PART_OF_CARE: Final = frozenset({(ACT_REASON, "HPAYMT"), (ACT_REASON, "HOPERAT")})
"""Payment and the running of a hospital are done as care here, and cannot be told from treatment: taken beside TREAT only."""
DENIED_TOO: Final[Mapping[tuple[str, str], tuple[Purpose, ...]]] = {(ACT_REASON, "HOPERAT"): (Purpose.QUALITY,)}
"""What a refusal reaches besides: the running of a hospital includes its quality."""
CODE_OF_PURPOSE: Final = {
    **{purpose: (PURPOSE, purpose.value) for purpose in Purpose},
    **{purposes[0]: code for code, purposes in PURPOSE_OF.items()},
}

SENSITIVITY_OF: Final[Mapping[tuple[str, str], Sensitivity]] = {
    (CONFIDENTIALITY, "N"): Sensitivity.NORMAL,
    (CONFIDENTIALITY, "R"): Sensitivity.RESTRICTED,
    (CONFIDENTIALITY, "V"): Sensitivity.VERY_RESTRICTED,
}
CODE_OF_SENSITIVITY: Final = {value: code for code, value in SENSITIVITY_OF.items()}
LABEL_OF: Final[Mapping[tuple[str, str], DataCategory]] = {
    (ACT_CODE, "PSY"): DataCategory.MENTAL_HEALTH,
    (ACT_CODE, "SEX"): DataCategory.SEXUAL_HEALTH,
    (ACT_CODE, "ETH"): DataCategory.SUBSTANCE_USE,
    (ACT_CODE, "HIV"): DataCategory.HIV,
    (ACT_CODE, "SDV"): DataCategory.VIOLENCE,
    (ACT_CODE, "GDIS"): DataCategory.GENETIC,
}
"""Sensitivity labels of v3-ActCode that are categories of data."""
CODE_OF_LABEL: Final = {value: code for code, value in LABEL_OF.items()}

MEANINGS: Final[Mapping[str, str]] = {"instance": "instance", "related": "related", "authoredby": "authored-by"}
"""`provision.data.meaning` -> how references of single data begin. `dependents` is not known."""
BREAK_GLASS_GROUP: Final = "Group/break-glass"
"""Whoever may break the glass. An emergency is only ever claimed by them, so that naming them narrows nothing further."""

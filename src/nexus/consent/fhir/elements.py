"""Which elements of a Consent are taken, and what becomes of each: one closed table, for the reader and for the manual.

An element that is not here is refused with its name. Nested provisions have the elements of `provision`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, Final

from nexus.consent.fhir.releases import Release
from nexus.consent.fhir.troubles import unsupported


class Fate(StrEnum):
    """What becomes of an element."""

    ENFORCED = "enforced"
    """Every read is decided by it."""
    CHECKED = "checked"
    """It must say what the platform knows or does anyway; anything else is refused."""
    WRITTEN = "written by the server"
    """What a client sends is not kept: the specification leaves it to the server."""
    NOT_KEPT = "taken, not kept"
    """It decides nothing, wherever it is read."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its path below Consent, its fate, and what it means here."""

    path: str
    fate: Fate
    note: str


_E, _C, _W, _N = Fate.ENFORCED, Fate.CHECKED, Fate.WRITTEN, Fate.NOT_KEPT

_COMMON: Final = (
    Element("resourceType", _C, "`Consent`"),
    Element("id", _W, "of a create; in an update it is the one of the address"),
    Element("meta", _W, "version and time are the server's"),
    Element("meta.versionId", _W, "the version of this Consent"),
    Element("meta.lastUpdated", _W, "when this version was recorded"),
    Element("meta.profile", _N, "a claim; every Consent is read by the same rules"),
    Element("meta.security", _C, "only `HTEST` (test data), which changes nothing"),
    Element("text", _N, "a narrative; one that says more than the elements is refused"),
    Element("text.status", _C, "`generated`, `extensions` or `empty`: whatever is `additional` would not be enforced"),
    Element("text.div", _N, ""),
    Element("status", _E, "`active`; in an update also `inactive`, which withdraws"),
    Element("category", _C, "LOINC 59284-0 or 64292-6, v3-ActCode IDSCL or RESEARCH; none changes what is enforced"),
    Element("provision.period", _E, "when the provision holds; days are days in UTC, both ends within"),
    Element("provision.actor", _E, "who receives; several are alternatives"),
    Element("provision.actor.role", _C, "`IRCP`, the recipient"),
    Element(
        "provision.actor.reference",
        _E,
        "`Practitioner/` with an identity of the platform, `Organization/` with a site, `Group/break-glass`",
    ),
    Element("provision.purpose", _E, "purposes and named projects; see the table of codes"),
    Element(
        "provision.securityLabel", _E, "confidentiality N, R, V, or a sensitive category; several are alternatives"
    ),
    Element("provision.dataPeriod", _E, "when the data came to be; data of unknown time are outside a permission"),
    Element("provision.data", _E, "single data, by the names that objects carry; several are alternatives"),
    Element("provision.data.meaning", _E, "`instance`, `related` or `authoredby`"),
    Element("provision.data.reference", _E, "a literal reference, `Type/id`"),
    Element("provision.provision", _E, "exceptions, one level deep; each takes over what it does not name itself"),
)
_OF_RELEASE: Final[Mapping[Release, tuple[Element, ...]]] = {
    Release.R4: (
        Element("scope", _C, "`patient-privacy` or `research`"),
        Element("patient", _E, "`Patient/` with the subject's id, or an identifier of his site"),
        Element("dateTime", _C, "when it was decided; not later than now; kept"),
        Element(
            "performer", _E, "the patient; anybody else decides as guardian of a minor or representative of an adult"
        ),
        Element("organization", _C, "the subject's site"),
        Element(
            "policy", _N, "what the patient was shown stands in the signed document; the server names its own rules"
        ),
        Element("policy.uri", _N, ""),
        Element("sourceAttachment", _C, "the signed document, an object of the site; what gives something needs it"),
        Element(
            "sourceAttachment.url", _C, "`urn:nexus:scan:<bucket>:<version>:<sha256>:<key>`, the key percent-encoded"
        ),
        Element("provision", _E, "the rule, or without `type` the list of rules"),
        Element("provision.type", _E, "`permit` or `deny`"),
        Element("provision.class", _E, "categories of data, of `urn:nexus:data-category`"),
        Element(
            "provision.modifierExtension",
            _E,
            "`urn:nexus:fhir:source`, `urn:nexus:fhir:site`, `urn:nexus:fhir:project`: narrow the provision further",
        ),
    ),
    Release.R5: (
        Element("subject", _E, "`Patient/` with the subject's id, or an identifier of his site"),
        Element("date", _C, "the day on which it was decided; not later than now; kept"),
        Element("period", _E, "when its provisions hold"),
        Element(
            "grantor", _E, "the patient; anybody else decides as guardian of a minor or representative of an adult"
        ),
        Element("controller", _C, "the subject's site"),
        Element(
            "policyBasis",
            _N,
            "what the patient was shown stands in the signed document; the server names its own rules",
        ),
        Element("policyBasis.url", _N, ""),
        Element("sourceAttachment", _C, "the signed document, an object of the site; what gives something needs it"),
        Element(
            "sourceAttachment.url", _C, "`urn:nexus:scan:<bucket>:<version>:<sha256>:<key>`, the key percent-encoded"
        ),
        Element("decision", _E, "what counts where no provision does; provisions say the opposite"),
        Element(
            "extension", _E, "`urn:nexus:fhir:provisions-only`: a `decision` of deny is no refusal of other purposes"
        ),
        Element("provision", _E, "exceptions to the decision"),
        Element("provision.documentType", _E, "categories of data, of `urn:nexus:data-category`"),
        Element(
            "provision.modifierExtension",
            _E,
            "`urn:nexus:fhir:source`, `urn:nexus:fhir:site`, `urn:nexus:fhir:project`: narrow the provision further;"
            " `provision.type` of HL7's cross-version extensions where there is no `decision`",
        ),
    ),
}
_WITHIN: Final[Mapping[str, frozenset[str]]] = {
    "codeable": frozenset({"coding", "text"}),
    "coding": frozenset({"system", "version", "code", "display"}),
    "reference": frozenset({"reference", "type", "identifier", "display"}),
    "identifier": frozenset({"system", "value"}),
    "period": frozenset({"start", "end"}),
    "extension": frozenset({"url", "valueString", "valueCode", "valueBoolean"}),
}
"""What is taken of FHIR's data types; texts for display decide nothing."""


def elements(release: Release) -> tuple[Element, ...]:
    """The table of a release, as the manual shows it."""
    return tuple(sorted((*_OF_RELEASE[release], *_COMMON), key=lambda element: element.path))


@cache
def _children(release: Release, path: str) -> frozenset[str]:
    below = f"{path}." if path else ""
    names = {element.path.removeprefix(below) for element in elements(release) if element.path.startswith(below)}
    return frozenset(name for name in names if name and "." not in name)


def check_known(release: Release, path: str, value: Mapping[str, Any], place: str) -> None:
    """Return if each member of an element (`provision.actor`) is in the table; raise Misfit, naming it, if not."""
    check_only(value, _children(release, path), place)


def check_type(type_: str, value: Mapping[str, Any], place: str) -> None:
    """The same for a value of one of FHIR's data types."""
    check_only(value, _WITHIN[type_], place)


def check_only(value: Mapping[str, Any], known: Iterable[str], place: str) -> None:
    """Raise Misfit where a member is none of these."""
    for name in value:
        if name not in known:
            raise unsupported(f"{place}.{name}", "this element is not enforced here, so it is not taken")

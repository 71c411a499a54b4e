"""What a Consent says beside its provisions, where both releases say it in the same form under different names."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote

from nexus.consent.fhir import codes
from nexus.consent.fhir.directive import ConsentStatus, PatientName
from nexus.consent.fhir.elements import check_known, check_type
from nexus.consent.fhir.narrowing import concept, literal
from nexus.consent.fhir.releases import Release
from nexus.consent.fhir.troubles import unsupported
from nexus.consent.model import Scan
from nexus.kernel.ids import is_id

SITE_SYSTEM: Final = re.compile(r"urn:nexus:site:([A-Za-z0-9][A-Za-z0-9.-]{0,62})")
"""System of identifiers: the patient numbers of a site."""
SCAN: Final = re.compile(r"urn:nexus:scan:([a-z0-9.-]{3,63}):([A-Za-z0-9_.-]{1,64}):([0-9a-f]{64}):([!-~]{1,3072})")
_HTEST: Final = (codes.ACT_REASON, "HTEST")
_NARRATIVES: Final = frozenset({"generated", "extensions", "empty"})


def check_frame(release: Release, given: Mapping[str, Any]) -> None:
    """Return if what surrounds the rules is as the table says; raise Misfit, naming the element, if not."""
    check_known(release, "", given, "Consent")
    meta = given.get("meta", {})
    check_known(release, "meta", meta, "Consent.meta")
    for index, label in enumerate(meta.get("security", ())):
        if (label.get("system"), label.get("code")) != _HTEST:
            raise unsupported(f"Consent.meta.security[{index}]", "labels of the Consent itself are not enforced here")
    text = given.get("text", {})
    check_known(release, "text", text, "Consent.text")
    if text and text.get("status") not in _NARRATIVES:
        raise unsupported("Consent.text.status", "what only a narrative says is not enforced")
    for index, category in enumerate(given.get("category", ())):
        path = f"Consent.category[{index}]"
        if concept(category, path) not in codes.CATEGORIES:
            raise unsupported(path, "no category of this kind is known here")


def status_of(given: Mapping[str, Any]) -> ConsentStatus:
    """`active` or `inactive`. Raises Misfit on every other."""
    try:
        return ConsentStatus(given.get("status", ""))
    except ValueError as error:
        raise unsupported(
            "Consent.status", "a Consent is active, or made inactive; nothing else is enforced"
        ) from error


def patient_of(given: Mapping[str, Any], path: str) -> PatientName:
    """The patient. Raises Misfit where he is named in no way that is known here."""
    check_type("reference", given, path)
    if "reference" in given and "identifier" not in given:
        return PatientName(subject=subject_of(literal(given, path)))
    if "identifier" in given and "reference" not in given:
        identifier = given["identifier"]
        check_type("identifier", identifier, f"{path}.identifier")
        system = SITE_SYSTEM.fullmatch(identifier.get("system", ""))
        if system and "value" in identifier:
            return PatientName(site=system[1], reference=identifier["value"])
    raise unsupported(path, "a patient is Patient/<subject>, or an identifier with the system urn:nexus:site:<site>")


def subject_of(reference: str) -> str:
    """The subject behind `Patient/sub-…`; a name that no subject has, where it is another's."""
    type_, _, name = reference.partition("/")
    subject = internal_id(name)
    return subject if type_ == "Patient" and is_id(subject, "sub") else "sub_none"


def decider_of(given: list[Any], path: str) -> str:
    """The literal reference of the one person who decided; empty if nobody is named."""
    if len(given) > 1:
        raise unsupported(f"{path}[1]", "one person decides")
    return literal(given[0], f"{path}[0]") if given else ""


def site_of(given: list[Any], path: str) -> str:
    """The name in the one `Organization/<site>`; empty if there is none."""
    if len(given) > 1:
        raise unsupported(f"{path}[1]", "one site holds the data of a subject")
    named = literal(given[0], f"{path}[0]") if given else ""
    if named and not named.startswith("Organization/"):
        raise unsupported(f"{path}[0]", "the site that holds the data is expected: Organization/<site>")
    return named.partition("/")[2]


def scan_of(given: Mapping[str, Any], path: str) -> Scan:
    """The signed document. Raises Misfit where it is not named as an object of ours with its hash."""
    named = SCAN.fullmatch(given.get("url", ""))
    if named is None:
        raise unsupported(f"{path}.url", "the signed document is urn:nexus:scan:<bucket>:<version>:<sha256>:<key>")
    return Scan(bucket=named[1], version=named[2], sha256=named[3], key=unquote(named[4]))


def scan_url(scan: Scan) -> str:
    """The inverse."""
    return f"urn:nexus:scan:{scan.bucket}:{scan.version}:{scan.sha256}:{quote(scan.key, safe='/')}"


def fhir_id(identity: str) -> str:
    """An id of ours as FHIR can write it: FHIR ids have no underscore."""
    return identity.replace("_", "-", 1)


def internal_id(identity: str) -> str:
    """The inverse."""
    return identity.replace("-", "_", 1)

"""Consent in R4: a provision with nested ones, each with its `type`.

A root provision with a type is the rule, and nested ones are exceptions to it (as in IHE PCF). A root provision without a
type decides nothing: it is the common part of the rules inside it.
"""

from collections.abc import Mapping
from typing import Any

from nexus.consent.fhir import codes, facts
from nexus.consent.fhir.clauses import Narrowing
from nexus.consent.fhir.dates import span
from nexus.consent.fhir.directive import EVERYTHING, Clause, Directive, flat, nested, refusal_of_all
from nexus.consent.fhir.elements import check_known
from nexus.consent.fhir.narrowing import concept, narrowing
from nexus.consent.fhir.releases import Release, check_structure
from nexus.consent.fhir.saying import Told, coding, provision_of
from nexus.consent.fhir.terms import Terms
from nexus.consent.fhir.troubles import unsupported
from nexus.consent.model import Effect, Provision

_ROOT = "Consent.provision"


def read(document: Mapping[str, Any], terms: Terms) -> Directive:
    """What a Consent says. Raises Misfit, naming each element that is not taken."""
    check_structure(Release.R4, "Consent", document)
    facts.check_frame(Release.R4, document)
    if concept(document["scope"], "Consent.scope") not in codes.SCOPES:
        raise unsupported("Consent.scope", "only consents to the use of data are enforced here")
    if "patient" not in document:
        raise unsupported("Consent.patient", "a Consent without a patient")
    _check_parts(document)
    return Directive(
        patient=facts.patient_of(document["patient"], "Consent.patient"),
        provisions=_provisions(document, terms),
        status=facts.status_of(document),
        decided=span(document["dateTime"], "Consent.dateTime") if "dateTime" in document else None,
        decider=facts.decider_of(document.get("performer", []), "Consent.performer"),
        site=facts.site_of(document.get("organization", []), "Consent.organization"),
        scan=facts.scan_of(document["sourceAttachment"], "Consent.sourceAttachment")
        if "sourceAttachment" in document
        else None,
    )


def _check_parts(document: Mapping[str, Any]) -> None:
    for index, policy in enumerate(document.get("policy", ())):
        check_known(Release.R4, "policy", policy, f"Consent.policy[{index}]")
    check_known(Release.R4, "sourceAttachment", document.get("sourceAttachment", {}), "Consent.sourceAttachment")


def _provisions(document: Mapping[str, Any], terms: Terms) -> tuple[Provision, ...]:
    if "provision" not in document:
        raise unsupported(
            "Consent.provision", "a Consent that refers to a policy alone says nothing that can be enforced"
        )
    root = document["provision"]
    effect = Effect(root["type"]) if "type" in root else None
    own = narrowing(Release.R4, effect, root, _ROOT, terms)
    inner = [_inner(index, given, effect, own, terms) for index, given in enumerate(root.get("provision", []))]
    if effect is None:
        if not inner:
            raise unsupported(f"{_ROOT}.type", "neither a permission nor a refusal")
        return flat(inner, _ROOT)
    if effect is Effect.DENY and own == Narrowing():
        return refusal_of_all(inner, _ROOT)
    return flat([Clause(effect, own, _ROOT), *inner], _ROOT)


def _inner(index: int, given: Mapping[str, Any], outer: Effect | None, common: Narrowing, terms: Terms) -> Clause:
    place = f"{_ROOT}.provision[{index}]"
    if "type" not in given:
        raise unsupported(f"{place}.type", "neither a permission nor a refusal")
    if "provision" in given:
        raise unsupported(f"{place}.provision", "exceptions of exceptions are not enforced here")
    effect = Effect(given["type"])
    own = narrowing(Release.R4, effect, given, place, terms)
    if outer is None:
        return Clause(effect, own.within_parent(common), place)
    return nested(Clause(outer, common, _ROOT), own, effect, place)


def rules(provisions: tuple[Provision, ...]) -> dict[str, Any]:
    """The element `provision` that says the same."""
    if provisions == EVERYTHING:
        return {"provision": {"type": Effect.DENY.value}}
    said = [{"type": each.effect.value, **provision_of(Release.R4, each)} for each in provisions]
    return {"provision": said[0] if len(said) == 1 else {"provision": said}}


def frame(told: Told) -> dict[str, Any]:
    """What surrounds the rules."""
    document: dict[str, Any] = {
        "status": told.status.value,
        "scope": {"coding": [coding(codes.PRIVACY)]},
        "category": [{"coding": [coding(codes.CONSENT_DOCUMENT)]}],
        "patient": {"reference": told.patient},
        "dateTime": told.decided,
        "performer": [{"reference": told.decider}],
        "organization": [{"reference": f"Organization/{told.site}"}],
        "policy": [{"uri": codes.RULES}],
    }
    if told.scan is not None:
        document["sourceAttachment"] = {"url": facts.scan_url(told.scan)}
    return document

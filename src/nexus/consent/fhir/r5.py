"""Consent in R5: a decision, and provisions that say its opposite; provisions inside them say the opposite again.

The decision counts where no provision does, for every purpose. Two things that R4 can say have no place in that: rules beside
which nothing is said (`provisions-only`), and a list of permissions and refusals (`provision.type`, without a decision).
"""

from collections.abc import Mapping
from typing import Any, Final

from nexus.consent.fhir import codes, facts
from nexus.consent.fhir.clauses import Narrowing
from nexus.consent.fhir.dates import period, span
from nexus.consent.fhir.directive import (
    EVERYTHING,
    Clause,
    Directive,
    flat,
    nested,
    refusal_of_all,
    rest_refused,
    valid_within,
)
from nexus.consent.fhir.elements import check_known, check_type
from nexus.consent.fhir.narrowing import narrowing
from nexus.consent.fhir.releases import Release, check_structure
from nexus.consent.fhir.saying import Told, coding, provision_of
from nexus.consent.fhir.terms import Terms
from nexus.consent.fhir.troubles import unsupported
from nexus.consent.model import Effect, Provision, Scan

_OPPOSITE: Final = {Effect.PERMIT: Effect.DENY, Effect.DENY: Effect.PERMIT}
_ROOT: Final = "Consent"


def read(document: Mapping[str, Any], terms: Terms) -> Directive:
    """What a Consent says. Raises Misfit, naming each element that is not taken."""
    check_structure(Release.R5, "Consent", document)
    facts.check_frame(Release.R5, document)
    check_known(Release.R5, "policyBasis", document.get("policyBasis", {}), "Consent.policyBasis")
    if "subject" not in document:
        raise unsupported("Consent.subject", "a Consent without a patient")
    return Directive(
        patient=facts.patient_of(document["subject"], "Consent.subject"),
        provisions=_provisions(document, terms),
        status=facts.status_of(document),
        decided=span(document["date"], "Consent.date") if "date" in document else None,
        decider=facts.decider_of(document.get("grantor", []), "Consent.grantor"),
        site=facts.site_of(document.get("controller", []), "Consent.controller"),
        scan=_scan(document.get("sourceAttachment", [])),
    )


def _scan(given: list[Any]) -> Scan | None:
    if len(given) > 1:
        raise unsupported("Consent.sourceAttachment[1]", "one document was signed")
    for attachment in given:
        check_known(Release.R5, "sourceAttachment", attachment, "Consent.sourceAttachment[0]")
        return facts.scan_of(attachment, "Consent.sourceAttachment[0]")
    return None


def _provisions(document: Mapping[str, Any], terms: Terms) -> tuple[Provision, ...]:
    given = document.get("provision", [])
    only = _provisions_only(document)
    whole = Narrowing(valid=period(document["period"], "Consent.period") if "period" in document else None)
    if "decision" not in document:
        return (
            flat(valid_within([_typed(index, each, terms) for index, each in enumerate(given)], whole), _ROOT)
            or _none()
        )
    decision = Effect(document["decision"])
    clauses = [clause for index, each in enumerate(given) for clause in _opposite(index, each, decision, terms)]
    clauses = valid_within(clauses, whole)
    if decision is Effect.PERMIT:
        return flat([Clause(decision, whole, "Consent.decision"), *clauses], _ROOT)
    if only:
        return flat(clauses, _ROOT) or _none()
    if whole == Narrowing() and all(clause.only_emergency for clause in clauses):
        return refusal_of_all(clauses, "Consent.decision")
    rest = rest_refused([clause for clause in clauses if clause.effect is Effect.PERMIT], "Consent.decision")
    return flat([*clauses, *valid_within(rest, whole)], _ROOT)


def _none() -> tuple[Provision, ...]:
    raise unsupported("Consent.provision", "neither a permission nor a refusal")


def _provisions_only(document: Mapping[str, Any]) -> bool:
    for index, extension in enumerate(document.get("extension", ())):
        path = f"Consent.extension[{index}]"
        check_type("extension", extension, path)
        if extension != {"url": codes.PROVISIONS_ONLY, "valueBoolean": True} or document.get("decision") != "deny":
            raise unsupported(path, "this extension is not enforced here")
    return "extension" in document


def _opposite(index: int, given: Mapping[str, Any], decision: Effect, terms: Terms) -> list[Clause]:
    place = f"Consent.provision[{index}]"
    _no_type(given, place)
    effect = _OPPOSITE[decision]
    outer = Clause(effect, narrowing(Release.R5, effect, given, place, terms), place)
    found = [outer]
    for number, inner in enumerate(given.get("provision", [])):
        inside = f"{place}.provision[{number}]"
        _no_type(inner, inside)
        if "provision" in inner:
            raise unsupported(f"{inside}.provision", "exceptions of exceptions are not enforced here")
        found.append(nested(outer, narrowing(Release.R5, decision, inner, inside, terms), decision, inside))
    return found


def _typed(index: int, given: Mapping[str, Any], terms: Terms) -> Clause:
    place = f"Consent.provision[{index}]"
    types = [each for each in given.get("modifierExtension", ()) if each.get("url") == codes.PROVISION_TYPE]
    if len(types) != 1 or types[0].get("valueCode") not in set(Effect) or set(types[0]) != {"url", "valueCode"}:
        raise unsupported(
            "Consent.decision", "without a decision each provision says its type by the modifier extension"
        )
    if "provision" in given:
        raise unsupported(f"{place}.provision", "exceptions of a rule with a type are rules of their own")
    effect = Effect(types[0]["valueCode"])
    return Clause(effect, narrowing(Release.R5, effect, given, place, terms), place)


def _no_type(given: Mapping[str, Any], place: str) -> None:
    if any(each.get("url") == codes.PROVISION_TYPE for each in given.get("modifierExtension", ())):
        raise unsupported(f"{place}.modifierExtension", "its type follows from the decision")


def rules(provisions: tuple[Provision, ...]) -> dict[str, Any]:
    """The elements that say the same."""
    if provisions == EVERYTHING:
        return {"decision": Effect.DENY.value}
    if all(each.effect is Effect.PERMIT for each in provisions):
        return {
            "extension": [{"url": codes.PROVISIONS_ONLY, "valueBoolean": True}],
            "decision": Effect.DENY.value,
            "provision": [provision_of(Release.R5, each) for each in provisions],
        }
    return {"provision": [_say_typed(each) for each in provisions]}


def _say_typed(given: Provision) -> dict[str, Any]:
    said = provision_of(Release.R5, given)
    type_ = {"url": codes.PROVISION_TYPE, "valueCode": given.effect.value}
    return {**said, "modifierExtension": [type_, *said.get("modifierExtension", [])]}


def frame(told: Told) -> dict[str, Any]:
    """What surrounds the rules."""
    document: dict[str, Any] = {
        "status": told.status.value,
        "category": [{"coding": [coding(codes.CONSENT_DOCUMENT)]}],
        "subject": {"reference": told.patient},
        "date": told.decided[:10],
        "grantor": [{"reference": told.decider}],
        "controller": [{"reference": f"Organization/{told.site}"}],
        "policyBasis": {"url": codes.RULES},
    }
    if told.scan is not None:
        document["sourceAttachment"] = [{"url": facts.scan_url(told.scan)}]
    return document

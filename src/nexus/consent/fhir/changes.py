"""What a Consent that was sent comes to: one act on its subject's history, or a refusal that names why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nexus.consent.fhir.directive import ConsentStatus, Directive, PatientName
from nexus.consent.fhir.lines import State
from nexus.consent.fhir.resources import History
from nexus.consent.fhir.troubles import Issue, Misfit, unsupported
from nexus.consent.model import Capacity, DecisionKind, Effect, Scan
from nexus.consent.requests import RecordDecision
from nexus.kernel.clock import Instant
from nexus.web import codec

SOURCE: Final = "Consent.sourceAttachment"


@dataclass(frozen=True, slots=True)
class Sent:
    """A directive, whose history it is to change, and when."""

    directive: Directive
    history: History
    now: Instant


def creation(sent: Sent) -> Mapping[str, Any]:
    """A new Consent. Raises Misfit."""
    if sent.directive.status is not ConsentStatus.ACTIVE:
        raise unsupported("Consent.status", "a new Consent is active")
    return _request(sent, DecisionKind.PERMISSIONS, scan=_signed(sent.directive))


def update(sent: Sent, present: State, wanted: str) -> Mapping[str, Any]:
    """Another version of a Consent: it replaces what stands, or ends it. Raises Misfit, with 412 if it was read too early."""
    if wanted != str(present.number):
        raise Misfit(412, [Issue("conflict", "this Consent has another version by now; read it again")])
    if not present.active:
        raise Misfit(409, [Issue("conflict", "this Consent is inactive for good; make a new one")])
    if sent.directive.status is ConsentStatus.INACTIVE:
        return _end(sent, present)
    if present.line.kind is DecisionKind.OBJECTION:
        raise unsupported("Consent.provision", "the general objection is as it is; it can be made inactive")
    return _request(sent, DecisionKind.PERMISSIONS, about=present.heads, scan=_signed(sent.directive))


def revocation(history: History, present: State, now: Instant) -> Mapping[str, Any]:
    """The withdrawal of what a Consent permits, at once. Raises Misfit where it permits nothing."""
    if not any(each.effect is Effect.PERMIT for each in present.provisions) or not present.active:
        raise Misfit(409, [Issue("conflict", "this Consent permits nothing that could be taken back")])
    sent = Sent(Directive(PatientName(history.subject.subject), ()), history, now)
    return _request(sent, DecisionKind.WITHDRAWAL, about=present.heads)


def _end(sent: Sent, present: State) -> Mapping[str, Any]:
    """Permissions are withdrawn, which no default rule revives; refusals end by a decision that puts nothing in their place."""
    if set(sent.directive.provisions) != set(present.provisions):
        raise unsupported("Consent.provision", "what is made inactive is sent as it was read")
    if present.line.kind is DecisionKind.OBJECTION:
        return _request(sent, DecisionKind.LIFTING, scan=_signed(sent.directive))
    effects = {each.effect for each in present.provisions}
    if effects == {Effect.PERMIT}:
        return _request(sent, DecisionKind.WITHDRAWAL, about=present.heads)
    if effects == {Effect.DENY}:
        emptied = Sent(Directive(sent.directive.patient, (), decider=sent.directive.decider), sent.history, sent.now)
        return _request(emptied, DecisionKind.PERMISSIONS, about=present.heads, scan=_signed(sent.directive))
    raise unsupported("Consent.status", "it permits and refuses: revoke it ($revokeConsent), or update its provisions")


def _request(
    sent: Sent, kind: DecisionKind, *, about: tuple[str, ...] = (), scan: Scan | None = None
) -> Mapping[str, Any]:
    asked = RecordDecision(
        subject=sent.history.subject.subject,
        kind=kind,
        capacity=_capacity(sent),
        decided_at=sent.directive.decided[0] if sent.directive.decided else sent.now,
        version=sent.history.subject.version,
        provisions=sent.directive.provisions if kind is DecisionKind.PERMISSIONS else (),
        about=about,
        scan=scan,
    )
    plain: Mapping[str, Any] = codec.to_builtins(asked, RecordDecision)
    return plain


def _capacity(sent: Sent) -> Capacity:
    subject = sent.history.subject
    if sent.directive.decider in ("", f"Patient/{subject.subject.replace('_', '-', 1)}"):
        return Capacity.SELF
    return Capacity.GUARDIAN if subject.minor else Capacity.REPRESENTATIVE


def _signed(directive: Directive) -> Scan:
    """What gives something needs the signed paper."""
    if directive.scan is None:
        raise Misfit(422, [Issue("required", "the signed document, as urn:nexus:scan:…, is needed", SOURCE)])
    return directive.scan

"""Consent: create, read, vread, history, search, update, `$revokeConsent`. Each is one operation or two of `consent.*`.

Whoever may not read of a subject, and whoever asks for one that nobody registered, is answered in the same words.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.responses import Response

from nexus.consent.fhir import answers, bundles, changes, resources, revoking
from nexus.consent.fhir.bundles import CURSOR, Page
from nexus.consent.fhir.calls import Asked
from nexus.consent.fhir.changes import Sent
from nexus.consent.fhir.directive import Directive, PatientName
from nexus.consent.fhir.lines import State
from nexus.consent.fhir.matching import matches
from nexus.consent.fhir.negotiation import check_sent, preconditions
from nexus.consent.fhir.reading import read_resource
from nexus.consent.fhir.resources import ConsentId, History, decision_of
from nexus.consent.fhir.searching import CONSENT, Query
from nexus.consent.fhir.terms import Terms
from nexus.consent.fhir.troubles import Issue, Misfit, Refused, invalid, not_found, unsupported
from nexus.consent.requests import MAX_PAGE, Decisions, DecisionView, SubjectView
from nexus.kernel.clock import Clock
from nexus.web import codec

FIND: Final = "consent.subject.find"
EFFECTIVE: Final = "consent.effective.read"
RECORD: Final = "consent.decision.record"
ATTEMPTS: Final = 3
"""How often a change is tried where somebody else decided about the same subject meanwhile."""
_HIDDEN: Final = frozenset({403, 404})
Plan = Callable[[Sent, "State | None"], Mapping[str, Any]]


@dataclass(slots=True)
class _Change:
    """What one request has come to, so far."""

    history: History | None = None
    before: State | None = None
    found: State | None = None
    """The one Consent that a conditional create found."""


@dataclass(frozen=True, slots=True)
class Consents:
    """The interactions on Consent."""

    clock: Clock
    terms: Terms = field(default_factory=Terms)

    # Reading

    async def read(self, asked: Asked) -> Response:
        """The current version."""
        history, state = await self._state(asked, str(asked.request.path_params["id"]))
        return answers.resource(asked, resources.write(asked.release, history, state))

    async def vread(self, asked: Asked) -> Response:
        """One version."""
        named = _consent_id(str(asked.request.path_params["id"]))
        history = await history_of(asked, named.subject, "Consent")
        wanted = str(asked.request.path_params["version"])
        state = resources.version_of(wanted, history.versions(named.line))
        if state is None:
            raise not_found("Consent")
        return answers.resource(asked, resources.write(asked.release, history, state))

    async def versions(self, asked: Asked) -> Response:
        """Every version, newest first."""
        named = _consent_id(str(asked.request.path_params["id"]))
        history = await history_of(asked, named.subject, "Consent")
        states = history.versions(named.line)
        if not states:
            raise not_found("Consent")
        written = [resources.write(asked.release, history, state) for state in states]
        return answers.bundle(asked, bundles.history(asked.base, "Consent", written))

    async def search(self, asked: Asked, parameters: list[tuple[str, str]]) -> Response:
        """The Consents of one patient, oldest first."""
        query = Query(parameters, CONSENT)
        history, found = await self._found(asked, query)
        start = _start(query)
        page = found[start : start + query.count()]
        more = str(start + len(page)) if len(found) > start + len(page) else None
        written = [resources.write(asked.release, history, state) for state in page]
        return answers.bundle(asked, bundles.searchset(asked.base, "Consent", query.asked, Page(written, more)))

    async def _state(self, asked: Asked, text: str) -> tuple[History, State]:
        named = _consent_id(text)
        history = await history_of(asked, named.subject, "Consent")
        state = history.state(named.line)
        if state is None:
            raise not_found("Consent")
        return history, state

    async def _found(self, asked: Asked, query: Query) -> tuple[History, list[State]]:
        patient, named = query.patient(), query.text("_id")
        if patient is None:
            if named is None:
                raise invalid("a search names a patient (`patient`, `patient.identifier`) or a Consent (`_id`)")
            patient = PatientName(subject=_consent_id(named).subject)
        history = await history_of(asked, await subject_of(asked, patient), "Patient")
        return history, [state for state in history.states() if matches(query, history, state, self.terms)]

    # Changing

    async def create(self, asked: Asked) -> Response:
        """A new Consent, unless there is one that `If-None-Exist` describes."""
        condition = preconditions(asked.request.headers).if_none_exist

        async def begin(change: _Change, directive: Directive) -> None:
            if condition is not None:
                await self._none_exists(asked, change, directive, condition)

        def plan(sent: Sent, before: State | None) -> Mapping[str, Any]:
            return changes.creation(sent)

        return await self._change(asked, begin, plan, 201)

    async def update(self, asked: Asked) -> Response:
        """Another version of a Consent, by whoever read the present one (`If-Match`)."""
        wanted = preconditions(asked.request.headers).if_match
        if wanted is None:
            raise Misfit(428, [Issue("required", "an update says by If-Match which version it was made from")])
        named = _consent_id(str(asked.request.path_params["id"]))

        async def begin(change: _Change, directive: Directive) -> None:
            change.history, change.before = await self._state(asked, str(named))
            if await subject_of(asked, directive.patient) != named.subject:
                raise unsupported("Consent.patient", "a Consent stays with its patient")

        def plan(sent: Sent, before: State | None) -> Mapping[str, Any]:
            assert before is not None
            return changes.update(sent, before, wanted)

        return await self._change(asked, begin, plan, 200, consent=str(named))

    async def revoke(self, asked: Asked) -> Response:
        """Take back what a Consent permits, at once and whatever has happened since it was read."""
        change = _Change()

        async def body() -> Mapping[str, Any]:
            check_sent(asked.request.headers, asked.release)
            asked_for = revoking.read(asked.release, await read_resource(asked.request))
            change.history, change.before = await self._state(asked, asked_for.consent)
            if await subject_of(asked, asked_for.patient) != change.history.subject.subject:
                raise not_found("Consent")
            return changes.revocation(change.history, change.before, self.clock.now())

        await asked.do(RECORD, body=body)
        return answers.told(asked, "what this Consent permitted is permitted no more")

    async def _change(
        self,
        asked: Asked,
        begin: Callable[[_Change, Directive], Awaitable[None]],
        plan: Plan,
        status: int,
        *,
        consent: str = "",
    ) -> Response:
        sent: list[Directive] = []
        for attempt in range(ATTEMPTS):
            change = _Change()

            async def body(change: _Change = change) -> Mapping[str, Any]:
                if not sent:
                    sent.append(await self._sent(asked, consent))
                await begin(change, sent[0])
                if change.found is not None:
                    raise Refused(200, [])
                if change.history is None:
                    subject = await subject_of(asked, sent[0].patient)
                    change.history = await history_of(asked, subject, "Patient")
                _check_site(sent[0], change.history)
                return plan(Sent(sent[0], change.history, self.clock.now()), change.before)

            try:
                made = codec.from_builtins(await asked.do(RECORD, body=body), DecisionView)
            except Refused as refused:
                if change.found is not None and change.history is not None:
                    return answers.resource(asked, resources.write(asked.release, change.history, change.found))
                if refused.stale and attempt + 1 < ATTEMPTS:
                    continue
                raise
            assert change.history is not None
            return self._done(asked, change.history.with_act(made), made, status)
        raise AssertionError("the last attempt returns or raises")

    def _done(self, asked: Asked, history: History, made: DecisionView, status: int) -> Response:
        state = next(state for state in history.states() if any(act.id == made.id for act in state.line.acts))
        done = "recorded" if state.active else "recorded; it is inactive now"
        return answers.changed(asked, resources.write(asked.release, history, state), status, done)

    async def _sent(self, asked: Asked, consent: str) -> Directive:
        check_sent(asked.request.headers, asked.release)
        document = await read_resource(asked.request)
        if consent and document.get("id") != consent:
            raise invalid("the id is the one of the address", "Consent.id")
        return resources.read(asked.release, document, self.terms)

    async def _none_exists(self, asked: Asked, change: _Change, directive: Directive, condition: str) -> None:
        """Look for what a conditional create describes. Raises Misfit (412) if there are several."""
        query = Query(parse_qsl(condition.removeprefix("?"), keep_blank_values=True), CONSENT)
        named = query.patient() or directive.patient
        subject = await subject_of(asked, directive.patient)
        if await subject_of(asked, named) != subject:
            raise invalid("If-None-Exist speaks of another patient than the Consent")
        change.history = await history_of(asked, subject, "Patient")
        found = [state for state in change.history.states() if matches(query, change.history, state, self.terms)]
        if len(found) > 1:
            raise Misfit(412, [Issue("multiple-matches", "If-None-Exist describes several Consents")])
        change.found = found[0] if found else None


def _consent_id(text: str) -> ConsentId:
    named = ConsentId.parse(text)
    if named is None:
        raise not_found("Consent")
    return named


def _check_site(directive: Directive, history: History) -> None:
    if directive.site not in ("", history.subject.site):
        raise unsupported("Consent.organization", "the organization is the site of the patient")


def _start(query: Query) -> int:
    given = query.text(CURSOR) or "0"
    if not (given.isascii() and given.isdigit() and len(given) <= 6):
        raise invalid(f"`{CURSOR}` is taken from `next`")
    return int(given)


async def subject_of(asked: Asked, patient: PatientName) -> str:
    """The subject's id. One who is not known, or not to the asker, is not found."""
    if patient.subject:
        return patient.subject
    try:
        found = await asked.do(FIND, body={"site": patient.site, "reference": patient.reference})
    except Refused as refused:
        raise _hidden(refused, "Patient") from refused
    view: SubjectView = codec.from_builtins(found, SubjectView)
    return view.subject


async def history_of(asked: Asked, subject: str, type_: str) -> History:
    """A subject with all his decisions. Who may not read of him is answered as if there were no such `type_`."""
    decisions: dict[str, Any] = {}
    before = 0
    while True:
        query = {"limit": MAX_PAGE, **({"before": before} if before else {})}
        try:
            answer = await asked.do(EFFECTIVE, path={"subject": subject}, query=query)
        except Refused as refused:
            raise _hidden(refused, type_) from refused
        page: Decisions = codec.from_builtins(answer, Decisions)
        decisions.update({view.id: decision_of(view) for view in page.history})
        if not page.next:
            ordered = sorted(decisions.values(), key=lambda each: each.number)
            return History(page.subject, tuple(ordered))
        before = page.next


def _hidden(refused: Refused, type_: str) -> Refused:
    return not_found(type_, refused.headers) if refused.status in _HIDDEN else refused

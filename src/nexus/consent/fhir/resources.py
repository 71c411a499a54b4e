"""Consent resources out of a subject's decisions: their ids, their versions, and how they are written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from nexus.consent.fhir import facts, r4, r5
from nexus.consent.fhir.dates import date_of
from nexus.consent.fhir.directive import ConsentStatus, Directive
from nexus.consent.fhir.lines import State, lines_of, state_of
from nexus.consent.fhir.releases import Release
from nexus.consent.fhir.saying import Told
from nexus.consent.fhir.terms import Terms
from nexus.consent.model import Capacity, Decision
from nexus.consent.requests import DecisionView, SubjectView
from nexus.kernel.clock import rfc3339

_ID: Final = re.compile(r"([0-9a-z]{26})\.([0-9a-z]{26})")
_FIELDS: Final = frozenset(field.name for field in fields(Decision)) & set(DecisionView.__struct_fields__)
MAX_VERSION_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class ConsentId:
    """A Consent's id holds that of its subject: whoever reads it shows first that he may read of this subject."""

    subject: str
    line: str

    def __str__(self) -> str:
        return f"{self.subject.removeprefix('sub_')}.{self.line.removeprefix('dec_')}"

    @staticmethod
    def parse(text: str) -> "ConsentId | None":
        """The inverse; None for what is no id of ours."""
        found = _ID.fullmatch(text)
        return ConsentId(f"sub_{found[1]}", f"dec_{found[2]}") if found else None


@dataclass(frozen=True, slots=True)
class History:
    """A subject and every decision about his data, oldest first."""

    subject: SubjectView
    decisions: tuple[Decision, ...]

    def states(self) -> list[State]:
        """Every Consent as it stands, oldest first."""
        return [state_of(line, self.decisions) for line in lines_of(self.decisions)]

    def state(self, line_id: str) -> State | None:
        """One Consent as it stands."""
        found = next((line for line in lines_of(self.decisions) if line.id == line_id), None)
        return state_of(found, self.decisions) if found else None

    def versions(self, line_id: str) -> list[State]:
        """Every version of one Consent, oldest first; none if there is no such Consent."""
        found = next((line for line in lines_of(self.decisions) if line.id == line_id), None)
        return [] if found is None else [state_of(found, self.decisions, each + 1) for each in range(len(found.acts))]

    def with_act(self, view: DecisionView) -> "History":
        """The history after an act (which may be one that was there already)."""
        acts = {each.id: each for each in (*self.decisions, decision_of(view))}
        return History(self.subject, tuple(acts.values()))


def decision_of(view: DecisionView) -> Decision:
    """A decision as rules see it."""
    return Decision(**{name: getattr(view, name) for name in _FIELDS}, number=view.version)


def read(release: Release, document: dict[str, Any], terms: Terms) -> Directive:
    """What a Consent says. Raises Misfit."""
    return r4.read(document, terms) if release is Release.R4 else r5.read(document, terms)


def write(release: Release, history: History, state: State) -> dict[str, Any]:
    """A version of a Consent."""
    act = state.act
    patient = f"Patient/{facts.fhir_id(history.subject.subject)}"
    told = Told(
        status=ConsentStatus.ACTIVE if state.active else ConsentStatus.INACTIVE,
        patient=patient,
        decider=patient if act.capacity is Capacity.SELF else f"RelatedPerson/{act.capacity.value}",
        site=history.subject.site,
        decided=date_of(act.decided_at),
        scan=act.scan,
    )
    speak = r4 if release is Release.R4 else r5
    return {
        "resourceType": "Consent",
        "id": str(ConsentId(history.subject.subject, state.line.id)),
        "meta": {"versionId": str(state.number), "lastUpdated": rfc3339(act.recorded_at)},
        **speak.frame(told),
        **speak.rules(state.provisions),
    }


def version_of(text: str, versions: Sequence[State]) -> State | None:
    """The version of this number."""
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_VERSION_DIGITS):
        return None
    return next((each for each in versions if each.number == int(text)), None)

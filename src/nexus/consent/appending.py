"""The one way by which a history grows: an act is checked against the history as of its own transaction, then appended.

1. The subject exists. A request that came before under the same key is answered with what it made.
2. The act was made for this version of the history; a withdrawal and an objection count whatever has happened since.
3. The act fits the history (`_fitting`): it names decisions that stand, and nobody but the subject takes back what she refused.
4. What a minor or a guardian may not permit is refused, or ends at majority.
5. The row, the subject's version, the version of all rulings and the event are written with the entry, in one commit.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import msgspec

from nexus.consent import store
from nexus.consent.model import (
    MAX_DECISIONS,
    Capacity,
    Decision,
    DecisionKind,
    Effect,
    Period,
    Provision,
    Scan,
    Subject,
    new_decision_id,
)
from nexus.consent.rules import Standing, fold
from nexus.consent.subjects import no_subject
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Conflict, Denied, NotFound

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_WHATEVER_HAPPENED: Final = frozenset({DecisionKind.WITHDRAWAL, DecisionKind.OBJECTION, DecisionKind.CORRECTION})
"""Acts that count for every version: those that only take away, and corrections, which wait for a second person and
follow what has become of the decision that they correct."""


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does to a history. `version`: the one it was made for. `capacity`: in which the decider decides."""

    subject: str
    kind: DecisionKind
    capacity: Capacity
    account: str
    recorded_by: str
    decided_at: Instant
    provisions: tuple[Provision, ...] = ()
    about: tuple[str, ...] = ()
    version: int | None = None
    key: str = ""
    approval: str | None = None
    scan: Scan | None = None
    reason: str = ""

    def digest(self) -> str:
        """SHA-256 (hex) over what was asked, but for the moment and the version."""
        content = (
            self.subject,
            self.kind,
            self.capacity,
            self.account,
            self.recorded_by,
            self.provisions,
            self.about,
            self.scan,
        )
        return hashlib.sha256(_ENCODER.encode(content)).hexdigest()


@dataclass(frozen=True, slots=True)
class Appended:
    """The decision, and whether it was there before."""

    decision: Decision
    repeated: bool = False


def append(tx: Transaction, act: Act, now: Instant, operation: str) -> Appended:
    """Append an act. `operation`: the id of the one that does it. Raises NotFound, Conflict (stale, does not fit), Denied. Writes nothing if it is a repetition."""
    subject = store.subject(tx, act.subject)
    if subject is None:
        raise no_subject()
    if act.key and (before := store.repeated(tx, act.subject, act.key)):
        return _same(act, *before)
    if act.kind not in _WHATEVER_HAPPENED and act.version != subject.version:
        raise Conflict(
            "this was filled in for another state of the decisions",
            code="consent.stale",
            hint="read the decisions again, and decide on what they say now",
        )
    history = store.history(tx, act.subject)
    standing = fold(history)
    if done := _done(act, standing, history):
        return Appended(done, repeated=True)
    made = _made(act, subject, now, _fitting(act, standing, history), store.raise_version(tx))
    store.add_decision(tx, made, act.key, act.digest(), operation)
    if not store.count_decision(tx, subject.id, subject.version):
        raise Conflict("somebody decided at the same moment", code="consent.stale", hint="read the decisions again")
    return Appended(made)


def _same(act: Act, decision: Decision, digest: str) -> Appended:
    if digest != act.digest():
        raise Conflict("another request was sent under this key", code="consent.key", hint="use a new key")
    return Appended(decision, repeated=True)


def _done(act: Act, standing: Standing, history: list[Decision]) -> Decision | None:
    """What has already brought about what an act is for: nothing is appended then."""
    if act.kind is DecisionKind.OBJECTION:
        return standing.objection
    if act.kind is DecisionKind.WITHDRAWAL:
        left = [each for each in _heirs(act.about, standing, history) if each not in standing.withdrawn]
        earlier = [
            each for each in history if each.kind is DecisionKind.WITHDRAWAL and set(act.about) & set(each.about)
        ]
        return earlier[-1] if earlier and not left else None
    return None


def _fitting(act: Act, standing: Standing, history: list[Decision]) -> tuple[str, ...]:
    """What the row names. Raises where the act does not fit."""
    match act.kind:
        case DecisionKind.WITHDRAWAL:
            return _withdrawn(act, standing, history)
        case DecisionKind.LIFTING:
            if standing.objection is None:
                raise Conflict("there is no objection to lift", code="consent.no-objection")
            _require_own([standing.objection], act)
            return (standing.objection.id,)
        case DecisionKind.PERMISSIONS:
            _require_room(history)
            replaced = [_standing(named, standing) for named in act.about]
            _require_own([each for each in replaced if _denies(each)], act)
            return act.about
        case DecisionKind.CORRECTION:
            return _corrected(act, history)
        case DecisionKind.OBJECTION:
            return ()


def _withdrawn(act: Act, standing: Standing, history: list[Decision]) -> tuple[str, ...]:
    named = [each for each in history if each.id in act.about and each.kind in _GIVING]
    if len(named) != len(act.about):
        raise no_decision()
    if not any(_permits(each) for each in named):
        raise Conflict(
            "this decision permits nothing that could be taken back",
            code="consent.no-permission",
            hint="a denial ends by a decision that replaces it",
        )
    return tuple(dict.fromkeys((*act.about, *_heirs(act.about, standing, history))))


def _heirs(about: tuple[str, ...], standing: Standing, history: list[Decision]) -> list[str]:
    """The decisions that stand now in place of some: themselves, or what has replaced them since, on whatever device."""
    line = set(about)
    for decision in history:
        if decision.kind in _GIVING and line.intersection(decision.about):
            line.add(decision.id)
    return [each.id for each in standing.giving if each.id in line]


def _corrected(act: Act, history: list[Decision]) -> tuple[str, ...]:
    (named,) = act.about
    found = next((each for each in history if each.id == named), None)
    if found is None:
        raise no_decision()
    if found.account:
        raise Denied(
            "an account decided this itself: it decides anew, and nobody corrects it",
            code="consent.own-decision",
        )
    if any(each.kind is DecisionKind.CORRECTION and named in each.about for each in history):
        raise Conflict("this was corrected already", code="consent.corrected", hint="correct the correction")
    if found.kind not in _GIVING and act.provisions:
        raise Conflict(
            "a withdrawal, an objection or its end is corrected by striking it out: no provisions",
            code="consent.correction",
        )
    return act.about


def _standing(named: str, standing: Standing) -> Decision:
    for decision in standing.giving:
        if decision.id == named:
            return decision
    raise no_decision()


def _require_own(decisions: list[Decision], act: Act) -> None:
    """Nobody but the subject takes back what the subject refused."""
    if act.capacity is not Capacity.SELF and any(each.capacity is Capacity.SELF for each in decisions):
        raise Denied("the patient refused this, and nobody else takes it back", code="consent.own-refusal")


def _require_room(history: list[Decision]) -> None:
    if len(history) >= MAX_DECISIONS:
        raise Conflict(f"a history has {MAX_DECISIONS} decisions at most", code="consent.full")


def _made(act: Act, subject: Subject, now: Instant, about: tuple[str, ...], change: int) -> Decision:
    return Decision(
        id=new_decision_id(),
        subject=subject.id,
        number=subject.version + 1,
        kind=act.kind,
        provisions=_within_power(act, subject, now),
        about=about,
        capacity=act.capacity,
        account=act.account,
        recorded_by=act.recorded_by,
        decided_at=act.decided_at,
        recorded_at=now,
        approval=act.approval,
        scan=act.scan,
        reason=act.reason,
        change=change,
    )


def _within_power(act: Act, subject: Subject, now: Instant) -> tuple[Provision, ...]:
    """The provisions, as far as who decides may decide. A minor permits nothing; a guardian until majority."""
    majority = subject.majority_at
    minor = majority is not None and now < majority
    permitting = any(provision.effect is Effect.PERMIT for provision in act.provisions)
    if act.capacity is Capacity.SELF and minor and (permitting or act.kind is DecisionKind.LIFTING):
        raise Denied(
            "a minor may refuse, object and withdraw; a guardian permits", code="consent.minor", hint="ask a guardian"
        )
    if act.capacity is not Capacity.GUARDIAN:
        return act.provisions
    if majority is None or not minor:
        raise Denied("nobody is guardian of an adult", code="consent.majority")
    return tuple(_until(provision, majority) for provision in act.provisions)


def _until(provision: Provision, majority: Instant) -> Provision:
    """A guardian's permission ends with her power; her denial stays, until the grown-up replaces it."""
    if provision.effect is Effect.DENY:
        return provision
    end = majority if provision.valid.end is None else min(majority, provision.valid.end)
    start = provision.valid.start
    if start is not None and start >= end:
        raise Denied("this permission would begin after majority", code="consent.majority")
    return msgspec.structs.replace(provision, valid=Period(start=start, end=end))


def _permits(decision: Decision) -> bool:
    return any(provision.effect is Effect.PERMIT for provision in decision.provisions)


def _denies(decision: Decision) -> bool:
    return any(provision.effect is Effect.DENY for provision in decision.provisions)


_GIVING: Final = frozenset({DecisionKind.PERMISSIONS, DecisionKind.CORRECTION})


def no_decision() -> NotFound:
    """The subject has no such decision (or had, and it was replaced)."""
    return NotFound("the subject has no such decision", code="consent.no-decision")

"""The one place where every door's request is allowed or refused.

A decision is made in numbered steps:

1. An operation without an action is itself the authentication: there is nothing to decide. What the credential takes away from
   its identity (narrowing.py) is refused whatever the rights are.
2. The version of all rights is read from the database. A remembered decision of that version and of the same facts,
   within its time, is the answer: no process can go on with rights that another process has taken away.
3. Otherwise the identity and its grants are read in one snapshot. It must be active, and so must the person who answers
   for it; grants and elevations outside their period do not count.
4. The facts of the moment are added: the network zone, the hour, the age of the last factor (surroundings.py).
5. Cedar decides. Whatever is not permitted is denied; whatever is odd (an unknown action, purpose or attribute) too.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nexus.iam import narrowing
from nexus.iam.actions import ACTIONS
from nexus.iam.conditions import Conditions, refusal
from nexus.iam.decisions import NO, Circumstances, Decision, Policy, Principal
from nexus.iam.memory import remember
from nexus.iam.model import PRIVILEGED_ROLES, Purpose, Role
from nexus.iam.rules import facts_of, scopes_of
from nexus.iam.store import identities
from nexus.iam.surroundings import Client, Moment, Surroundings
from nexus.iam.usage import WRITE_AFTER_S, UseLedger
from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Database, Row, Transaction
from nexus.kernel.errors import Denied, Unavailable
from nexus.kernel.observing import Decisions
from nexus.kernel.operation import Actor, ActorKind, Operation, Resource

MAX_DECISIONS = 65_536
"""Decisions remembered in a process."""
MAX_CLAIMS = 8_192
"""Identities remembered in a process."""
CHECK_ONE_IN = 64
"""Of the decisions made anew, one in so many that allow is asked of Cedar too."""
ALWAYS = Instant(2**62)
NEVER = Instant(0)
logger = logging.getLogger(__name__)
_NARROWED = Decision(False, (narrowing.RULE,))
_PURPOSES = frozenset(purpose.value for purpose in Purpose)
_ROLES: Mapping[str, Role] = {role.value: role for role in Role}
_Held = tuple[str, str, int, int]
"""Role, scope, start and end."""
_TYPES = {ActorKind.PERSON: "Person", ActorKind.MACHINE: "Machine"}


@dataclass(frozen=True, slots=True)
class _Claim:
    """What an identity may claim from `since` until just before `until`, as of one version of all rights.

    `principal` is None for an identity that is not active.
    """

    version: int
    since: Instant
    until: Instant
    principal: Principal | None
    granted: Sequence[tuple[str, str, str]] = ()
    """Id, role and scope of each grant that holds."""


class Question(NamedTuple):
    """May this actor do this action on this resource for this purpose, from here?

    `origin`: the client's network address. `device`: the enrolled device that it proved to be; empty if it did not.
    """

    actor: Actor
    action: str
    resource: Resource
    purpose: str
    origin: str = ""
    device: str = ""

    def client(self) -> Client:
        """Who asks, from where."""
        return Client(self.actor, self.origin, self.device)


def asked(op: Operation, action: str, resource: Resource) -> Question:
    """The question that an operation puts."""
    return Question(op.actor, action, resource, op.purpose, op.origin, op.device)


class _Remembered(NamedTuple):
    version: int
    since: Instant
    until: Instant
    decision: Decision


class Gate:
    """Decides with Cedar over the rights in the database; denies by default and on anything unexpected."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        conditions: Conditions,
        *,
        policy: Policy | None = None,
        max_decisions: int = MAX_DECISIONS,
        write_uses_after_s: float = WRITE_AFTER_S,
    ) -> None:
        """`policy`: the shipped one unless a test brings its own. `max_decisions`: remembered at most.

        `write_uses_after_s`: how long noted uses of rights wait for others.
        """
        self._db = db
        self._clock = clock
        self._max_decisions = max_decisions
        self.policy = policy or Policy.shipped(conditions)
        self.usage = UseLedger(db, write_uses_after_s)
        self._made = 0
        self.observer: Decisions | None = None
        """Watches each question, where somebody asked to."""
        self.answered = [[0, 0], [0, 0]]
        """How often it was asked: answers made anew, and from memory; of each, denials and permissions."""
        self._surroundings = Surroundings(conditions)
        self._decisions: OrderedDict[tuple[Any, ...], _Remembered] = OrderedDict()
        self._claims: OrderedDict[tuple[str, ActorKind, bool, tuple[str, ...]], _Claim] = OrderedDict()

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        """Return if `op.actor` may do `action` on `resource` for `op.purpose` now; raise Denied otherwise.

        Raises Unavailable (and so refuses) while the rights cannot be read.
        """
        if action:
            question = asked(op, action, resource)
            decision = self.decide(question)
            if not decision.allowed:
                raise _denied(question, decision)

    def permits(self, question: Question) -> bool:
        """Whether `check` would let it pass."""
        return self.decide(question).allowed

    def decide(self, question: Question) -> Decision:
        """The decision that `check` obeys, with the rules that spoke against it."""
        if self.observer is None:
            return self._decided(question)
        mark = self.observer.began()
        decision = self._decided(question)
        mark.ended("allowed" if decision.allowed else "denied")
        return decision

    def _decided(self, question: Question) -> Decision:
        actor = question.actor
        if _taken_away(question):
            return _NARROWED
        roles = actor.narrowed.roles if actor.narrowed else ()
        decision = self._known(question, ())
        # Both must allow: a role left out could also be one that a policy forbids something to.
        return self._known(question, roles) if roles and decision.allowed else decision

    def _known(self, question: Question, roles: tuple[str, ...]) -> Decision:
        """The decision on all rights of the identity, or on those of some roles: remembered, or made anew."""
        actor, action, resource, purpose, _, _ = question
        now = self._clock.now()
        try:
            looks = self.policy.facts(action)
            key = (
                actor.id,
                actor.kind,
                actor.session is None,
                roles,
                purpose,
                action,
                resource.type,
                resource.id,
                *resource.attributes.items(),
                *(self._surroundings.key(looks, question.client()) if looks else ()),
            )
            known = self._decisions.get(key)
            if known is not None and known.version == self._version() and known.since <= now < known.until:
                self.answered[True][known.decision.allowed] += 1
                return known.decision
            made = self._decide(key, question, now, roles)
            self.answered[False][made.allowed] += 1
            return made
        except (ValueError, TypeError, KeyError, AttributeError):
            return NO  # a request that cannot be understood cannot be allowed

    def check_in(self, tx: Transaction, op: Operation, action: str, resource: Resource) -> None:
        """`check` as of a transaction under way: it sees what that transaction has changed."""
        question = asked(op, action, resource)
        decision = self._decide_in(tx, question, self.policy.decide)
        if not decision.allowed:
            raise _denied(question, decision)

    def foresees(self, op: Operation, wanted: Sequence[tuple[str, Resource]]) -> list[bool]:
        """Whether `check` would let each of them pass now. Nothing is done, so nothing counts as a use of a right."""
        with self._db.read() as tx:
            return [
                self._decide_in(tx, asked(op, action, resource), self.policy.decide).allowed
                for action, resource in wanted
            ]

    def entitled_in(self, tx: Transaction, question: Question) -> bool:
        """Whether the rights of a transaction under way allow it, whatever the conditions of this moment."""
        return self._decide_in(tx, question, self.policy.entitles).allowed

    def __len__(self) -> int:
        """How many decisions are remembered."""
        return len(self._decisions)

    def forget(self) -> None:
        """Drop what is remembered; decisions are then made anew (measurements and tests)."""
        self._decisions.clear()
        self._claims.clear()

    def _version(self) -> int:
        row = self._db.watched(identities.READ_VERSION)
        if row is None:
            raise _no_version()
        return int(row[0])

    def _decide(self, key: tuple[Any, ...], question: Question, now: Instant, roles: tuple[str, ...]) -> Decision:
        claim = self._claim_of(question.actor, now, roles)
        moment = self._moment(question, now)
        decision = self._compared(_answer(self.policy.decide, claim, question, moment.facts), claim, question, moment)
        since, until = max(claim.since, moment.since), min(claim.until, moment.until, now - now % DAY + DAY)
        if decision.allowed:
            self.usage.note(self._exercised(claim, question.resource, decision), now)
        remember(self._decisions, key, _Remembered(claim.version, since, Instant(until), decision), self._max_decisions)
        return decision

    def _compared(self, decision: Decision, claim: _Claim, question: Question, moment: Moment) -> Decision:
        """One decision in some that allow is asked of Cedar as well. Should Cedar deny, it is denied, and it is told."""
        self._made += decision.allowed
        if not decision.allowed or self._made % CHECK_ONE_IN or claim.principal is None:
            return decision
        if self.policy.cedar.decide(
            claim.principal, question.action, facts_of(question.resource), moment.facts
        ).allowed:
            return decision
        logger.error("the evaluator allows what Cedar denies: %s; tell those who make this program", question.action)
        return NO

    def _exercised(self, claim: _Claim, resource: Resource, decision: Decision) -> list[str]:
        """The grants that a decision rests on: of a role that the permitting policies ask for, and in reach."""
        asking, scopes = self.policy.asked_by(decision.permitted_by), scopes_of(resource)
        return [grant for grant, role, scope in claim.granted if role in asking and scope in scopes]

    def _decide_in(self, tx: Transaction, question: Question, judge: Callable[..., Decision]) -> Decision:
        if _taken_away(question):
            return _NARROWED
        try:
            now = self._clock.now()
            row = tx.one(identities.READ_STANDING, (now, question.actor.id))
            facts = self._moment(question, now).facts
            roles = question.actor.narrowed.roles if question.actor.narrowed else ()
            decision = _answer(judge, _claim(row, question.actor, now), question, facts)
            if roles and decision.allowed:
                return _answer(judge, _claim(row, question.actor, now, roles), question, facts)
            return decision
        except (ValueError, TypeError, KeyError, AttributeError):
            return NO

    def moment(self, question: Question, at: Instant) -> Circumstances:
        """The facts that a decision on this question would see at a moment."""
        return self._moment(question, at).facts

    def zones(self) -> frozenset[str]:
        """The names of the network zones."""
        return self._surroundings.zones()

    def _moment(self, question: Question, now: Instant) -> Moment:
        return self._surroundings.moment(self.policy.facts(question.action), question.client(), question.purpose, now)

    def _claim_of(self, actor: Actor, now: Instant, roles: tuple[str, ...]) -> _Claim:
        """The identity's claim, of some roles only if any are named: remembered, or read anew."""
        key = (actor.id, actor.kind, actor.session is None, roles)
        known = self._claims.get(key)
        if known is None or known.version != self._version() or not known.since <= now < known.until:
            known = _claim(self._db.peek(identities.READ_STANDING, (now, actor.id)), actor, now, roles)
            remember(self._claims, key, known, MAX_CLAIMS)
        return known


def _taken_away(question: Question) -> bool:
    """Whether the credential itself takes away what is asked for, whatever its identity may."""
    actor, action, resource, purpose, origin, _ = question
    return actor.narrowed is not None and not narrowing.leaves(actor.narrowed, action, resource, purpose, origin)


def _answer(judge: Callable[..., Decision], claim: _Claim, question: Question, facts: Circumstances) -> Decision:
    """What `Policy.decide`, or another judge like it, says; no for what is odd."""
    _, action, resource, purpose, _, _ = question
    known = ACTIONS[action]
    if claim.principal is None or purpose not in _PURPOSES or resource.type not in known.resource_types:
        return NO
    return judge(claim.principal, action, facts_of(resource), facts)


def _denied(question: Question, decision: Decision) -> Denied:
    """The refusal in words. The entry in the log names every rule that spoke against it; the actor hears of

    - the condition that is not met, if that alone is in his way;
    - the rules about identities and approvals, if he has a right that they take away. There they speak of what he did himself; elsewhere they could tell a
      stranger what he asked for.
    """
    if decision is _NARROWED:
        return Denied(
            "this access key is narrowed, and does not do that",
            code="iam.narrowed",
            hint="`nexus iam access-key list` shows what is left of it",
            rules=decision.forbidden_by,
        )
    known = ACTIONS.get(question.action)
    sentence = f"{known.sentence if known else 'do that'} ({question.resource.type})"
    if decision.conditions:
        return refusal(decision.conditions[0], sentence, decision.forbidden_by)
    told = decision.forbidden_by if question.action.startswith("iam.") and decision.permitted_by else ()
    return Denied(
        f"you may not {sentence} for the purpose {question.purpose}",
        code="iam.denied",
        hint="; ".join(rule.replace("-", " ") for rule in told)
        or "`nexus iam me read` shows your rights; a security officer or the data steward can extend them",
        rules=decision.forbidden_by,
    )


def _claim(row: Row | None, actor: Actor, now: Instant, roles: tuple[str, ...] = ()) -> _Claim:
    """What an identity may claim, of some roles only if any are named. Raises Unavailable if the rights are not there."""
    if row is None:
        raise _no_version()
    standing = identities.standing_of(row)
    if not standing.active or standing.kind != actor.kind.value:
        return _Claim(standing.version, NEVER, ALWAYS, None)
    elevations = _kept(roles, counting(standing.elevations, signed_in=actor.session is not None))
    held = [*_kept(roles, standing.grants), *elevations]
    until_directory = standing.directory_until
    edges = [edge for _, _, starts_at, ends_at in held for edge in (starts_at, ends_at)]
    edges += [] if until_directory is None else [until_directory]
    since = max((edge for edge in edges if edge <= now), default=NEVER)
    until = min((edge for edge in edges if edge > now), default=ALWAYS)
    elevated = frozenset(role.value for role in rights_at(elevations, now)) if elevations else frozenset()
    directory = until_directory is not None and now < until_directory
    principal = Principal(
        actor.id,
        _TYPES[actor.kind],
        standing.person,
        rights_at(held, now),
        elevated,
        directory,
        standing.patient,
    )
    granted = [
        (grant, role, scope)
        for grant, (role, scope, starts_at, ends_at) in zip(standing.grant_ids, standing.grants, strict=True)
        if starts_at <= now < ends_at and (not roles or narrowing.keeps_role(roles, role, scope))
    ]
    return _Claim(standing.version, Instant(since), Instant(until), principal, granted)


def _kept(roles: tuple[str, ...], held: Sequence[_Held]) -> Sequence[_Held]:
    """What a credential that is left these roles keeps; everything if none are named."""
    return [each for each in held if narrowing.keeps_role(roles, each[0], each[1])] if roles else held


def counting(elevations: Iterable[tuple[str, str, int, int]], *, signed_in: bool) -> list[tuple[str, str, int, int]]:
    """The elevations that count: a privileged role is held in sessions with two factors only, never by an access key."""
    return [held for held in elevations if signed_in or Role(held[0]) not in PRIVILEGED_ROLES]


def rights_at(grants: Iterable[tuple[str, str, int, int]], now: Instant) -> dict[Role, frozenset[str]]:
    """The scopes held now, by role: grants outside their period do not count."""
    scopes: dict[str, list[str]] = {}
    for role, scope, starts_at, ends_at in grants:
        if starts_at <= now < ends_at:
            scopes.setdefault(role, []).append(scope)
    return {_ROLES[role]: frozenset(held) for role, held in scopes.items()}


def _no_version() -> Unavailable:
    return Unavailable("the rights cannot be read", code="iam.no-version", hint="run `nexus doctor`")

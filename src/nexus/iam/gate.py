"""The one place where every door's request is allowed or refused.

A decision is made in numbered steps:

1. An operation without an action is itself the authentication: there is nothing to decide.
2. The version of all rights is read from the database. A remembered decision of that version, within its time, is the
   answer: no process can go on with rights that another process has taken away.
3. Otherwise the identity and its grants are read in one snapshot. It must be active, and so must the person who answers
   for it; grants and elevations outside their period do not count.
4. Cedar decides. Whatever is not permitted is denied; whatever is odd (an unknown action, purpose or attribute) too.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from nexus.iam.actions import ACTIONS
from nexus.iam.decisions import NO, Circumstances, Decision, Policy, Principal
from nexus.iam.memory import remember
from nexus.iam.model import PRIVILEGED_ROLES, Purpose, Role
from nexus.iam.rules import facts_of
from nexus.iam.store import identities
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Row, Transaction
from nexus.kernel.errors import Denied, Unavailable
from nexus.kernel.operation import Actor, ActorKind, Operation, Resource

MAX_DECISIONS = 65_536
"""Decisions remembered in a process."""
MAX_CLAIMS = 8_192
"""Identities remembered in a process."""
ALWAYS = Instant(2**62)
NEVER = Instant(0)
_PURPOSES = frozenset(purpose.value for purpose in Purpose)
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
    prepared: Any = None


class Question(NamedTuple):
    """May this actor do this action on this resource for this purpose?"""

    actor: Actor
    action: str
    resource: Resource
    purpose: str


class Gate:
    """Decides with Cedar over the rights in the database; denies by default and on anything unexpected."""

    def __init__(
        self, db: Database, clock: Clock, policy: Policy | None = None, *, max_decisions: int = MAX_DECISIONS
    ) -> None:
        """`policy`: the shipped one unless a test brings its own. `max_decisions`: remembered at most."""
        self._db = db
        self._clock = clock
        self._max_decisions = max_decisions
        self._policy = policy or Policy.shipped()
        self._decisions: OrderedDict[tuple[Any, ...], tuple[int, Instant, Instant, bool]] = OrderedDict()
        self._claims: OrderedDict[tuple[str, ActorKind, bool], _Claim] = OrderedDict()

    def check(self, op: Operation, action: str, resource: Resource) -> None:
        """Return if `op.actor` may do `action` on `resource` for `op.purpose` now; raise Denied otherwise.

        Raises Unavailable (and so refuses) while the rights cannot be read.
        """
        if action and not self.permits(Question(op.actor, action, resource, op.purpose)):
            raise self._denied(op, action, resource)

    def permits(self, question: Question) -> bool:
        """Whether `check` would let it pass."""
        actor, action, resource, purpose = question
        now = self._clock.now()
        try:
            key = (
                actor.id,
                actor.kind,
                actor.session is None,
                purpose,
                action,
                resource.type,
                resource.id,
                *resource.attributes.items(),
            )
            known = self._decisions.get(key)
            if known is not None and known[0] == self._version() and known[1] <= now < known[2]:
                return known[3]
            return self._decide(key, question, now)
        except (ValueError, TypeError, KeyError, AttributeError):
            return False  # a request that cannot be understood cannot be allowed

    def check_in(self, tx: Transaction, op: Operation, action: str, resource: Resource) -> None:
        """`check` as of a transaction under way: it sees what that transaction has changed."""
        if not self.permits_in(tx, Question(op.actor, action, resource, op.purpose)):
            raise self._denied(op, action, resource)

    def permits_in(self, tx: Transaction, question: Question) -> bool:
        """`permits` as of a transaction under way."""
        try:
            now = self._clock.now()
            row = tx.one(identities.READ_STANDING, (now, question.actor.id))
            return self._answer(_claim(row, question.actor, now), question).allowed
        except (ValueError, TypeError, KeyError, AttributeError):
            return False

    def __len__(self) -> int:
        """How many decisions are remembered."""
        return len(self._decisions)

    def forget(self) -> None:
        """Drop what is remembered; decisions are then made anew (measurements and tests)."""
        self._decisions.clear()
        self._claims.clear()

    def _version(self) -> int:
        row = self._db.peek(identities.READ_VERSION)
        if row is None:
            raise _no_version()
        return int(row[0])

    def _decide(self, key: tuple[Any, ...], question: Question, now: Instant) -> bool:
        standing = self._claim_of(question.actor, now)
        allowed = self._answer(standing, question).allowed
        remember(self._decisions, key, (standing.version, standing.since, standing.until, allowed), self._max_decisions)
        return allowed

    def _answer(self, claim: _Claim, question: Question) -> Decision:
        actor, action, resource, purpose = question
        known = ACTIONS[action]
        if claim.principal is None or purpose not in _PURPOSES or resource.type not in known.resource_types:
            return NO
        return self._policy.decide(
            claim.principal,
            action,
            facts_of(resource),
            Circumstances(purpose, signed_in=actor.session is not None),
            prepared=claim.prepared,
        )

    def _denied(self, op: Operation, action: str, resource: Resource) -> Denied:
        """The refusal in words."""
        known = ACTIONS.get(action)
        sentence = known.sentence if known else "do that"
        rules = self._forbidding(Question(op.actor, action, resource, op.purpose))
        return Denied(
            f"you may not {sentence} ({resource.type}) for the purpose {op.purpose}",
            code="iam.denied",
            hint="; ".join(rule.replace("-", " ") for rule in rules)
            or "`nexus iam me read` shows your rights; a security officer or the data steward can extend them",
        )

    def _forbidding(self, question: Question) -> tuple[str, ...]:
        """The rules that forbid it, told about identities and approvals only.

        There they speak of what the actor did himself; elsewhere they could tell a stranger what he asked for.
        """
        if not question.action.startswith("iam."):
            return ()
        try:
            return self._answer(self._claim_of(question.actor, self._clock.now()), question).forbidden_by
        except (ValueError, TypeError, KeyError, AttributeError):
            return ()

    def _claim_of(self, actor: Actor, now: Instant) -> _Claim:
        """The identity's claim: remembered, ready for many decisions from its second use on, or read anew."""
        key = (actor.id, actor.kind, actor.session is None)
        known = self._claims.get(key)
        if known is None or known.version != self._version() or not known.since <= now < known.until:
            known = _claim(self._db.peek(identities.READ_STANDING, (now, actor.id)), actor, now)
        elif known.prepared is None and known.principal is not None:
            known = replace(known, prepared=self._policy.prepare(known.principal))
        else:
            return known
        remember(self._claims, key, known, MAX_CLAIMS)
        return known


def _claim(row: Row | None, actor: Actor, now: Instant) -> _Claim:
    """What an identity may claim. Raises Unavailable if the rights are not there."""
    if row is None:
        raise _no_version()
    standing = identities.standing_of(row)
    if not standing.active or standing.kind is None or standing.kind.value != actor.kind.value:
        return _Claim(standing.version, NEVER, ALWAYS, None)
    elevations = counting(standing.elevations, signed_in=actor.session is not None)
    held = [*standing.grants, *elevations]
    edges = [edge for _, _, starts_at, ends_at in held for edge in (starts_at, ends_at)]
    since = max((edge for edge in edges if edge <= now), default=NEVER)
    until = min((edge for edge in edges if edge > now), default=ALWAYS)
    elevated = frozenset(role.value for role in rights_at(elevations, now))
    principal = Principal(actor.id, _TYPES[actor.kind], standing.person, rights_at(held, now), elevated)
    return _Claim(standing.version, Instant(since), Instant(until), principal)


def counting(elevations: Iterable[tuple[str, str, int, int]], *, signed_in: bool) -> list[tuple[str, str, int, int]]:
    """The elevations that count: a privileged role is held in sessions with two factors only, never by an access key."""
    return [held for held in elevations if signed_in or Role(held[0]) not in PRIVILEGED_ROLES]


def rights_at(grants: Iterable[tuple[str, str, int, int]], now: Instant) -> dict[Role, frozenset[str]]:
    """The scopes held now, by role: grants outside their period do not count."""
    scopes: dict[str, list[str]] = {}
    for role, scope, starts_at, ends_at in grants:
        if starts_at <= now < ends_at:
            scopes.setdefault(role, []).append(scope)
    return {Role(role): frozenset(held) for role, held in scopes.items()}


def _no_version() -> Unavailable:
    return Unavailable("the rights cannot be read", code="iam.no-version", hint="run `nexus doctor`")

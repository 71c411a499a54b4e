"""Why something was decided, or would be: the policies that spoke, the rights that were held, the facts that were seen.

A past decision is told by the audit log, and made again with the rights of then, under the policies of now, with the
facts that are known of the resource now. Where the two differ, the answer says so.
"""

import asyncio
from collections.abc import Iterable

from msgspec import structs

from nexus.iam.actions import ACTIONS
from nexus.iam.analysis import Things, action_named
from nexus.iam.conditions import FRESH_FACTOR, PASSKEYS_ONLY, PRIVILEGED_DEVICE
from nexus.iam.decisions import Circumstances, Decision
from nexus.iam.gate import Gate, Question
from nexus.iam.holdings import Held, Holding, How, principal_of
from nexus.iam.model import PRIVILEGED_ROLES, IdentityKind, Role
from nexus.iam.ports import Evidence, PastDecision
from nexus.iam.requests.analysis import Explain, Explanation, Fact, RightSeen, WhatIf
from nexus.iam.rules import facts_of
from nexus.iam.store import holdings
from nexus.kernel.clock import MINUTE, Clock, Instant
from nexus.kernel.database import Database
from nexus.kernel.errors import Invalid, NotFound
from nexus.kernel.operation import PLATFORM, Actor, ActorKind, Operation, Outcome, Resource


class ExplainingStories:
    """Explains decisions, made and imagined."""

    def __init__(self, db: Database, clock: Clock, gate: Gate, things: Things, evidence: Evidence) -> None:
        self._db = db
        self._clock = clock
        self._gate = gate
        self._things = things
        self._evidence = evidence

    async def explain(self, op: Operation, request: Explain) -> Explanation:
        """A decision that was made. Raises NotFound: there was none, or it is not the actor's to see."""
        past = await asyncio.to_thread(self._evidence.past, request.decision)
        if past is None or past.action not in ACTIONS or not self._may_see(op, past):
            raise NotFound("no such decision", code="iam.no-decision", hint="op_… stands in every answer and entry")
        with self._db.read() as tx:
            holding = holdings.holding(tx, past.actor, past.at)
        if holding is None:
            raise NotFound("no such decision", code="iam.no-decision")
        resource = self._known(past.resource)
        moment = self._gate.moment(_question(past, resource), past.at)
        decision, held = self._decide(holding, past.action, resource, moment, signed_in=past.session is not None)
        if past.outcome == Outcome.ALLOWED and _NOT_RECORDED.issuperset(decision.conditions) and decision.conditions:
            decision = Decision(True, permitted_by=decision.permitted_by)  # they were met: it was allowed
        await self._db.record(op.allowed("iam.explain", Resource("Identity", past.actor), decision=past.operation))
        recorded = " ".join(filter(None, (past.outcome, past.code, *past.rules)))
        explanation = _explanation(past.at, past.actor, past.action, resource, moment, decision, held)
        agrees = (past.outcome == Outcome.DENIED) is not decision.allowed if past.outcome != Outcome.FAILED else None
        return self._told(op, explanation, decision=past.operation, recorded=recorded, agrees=agrees)

    async def what_if(self, op: Operation, request: WhatIf) -> Explanation:
        """A decision that nobody asked for. Raises Invalid, NotFound (the identity)."""
        resource = self._things.named(request.resource)
        action = action_named(request.action, resource)
        if request.zone not in self._gate.zones():
            known = ", ".join(sorted(self._gate.zones()))
            raise Invalid("there is no such network zone", code="iam.zones", hint=f"there are: {known}")
        now = self._clock.now()
        with self._db.read() as tx:
            holding = holdings.holding(tx, request.actor, now)
        if holding is None:
            raise NotFound("no such identity", code="iam.no-identity")
        signed_in = holding.kind == IdentityKind.PERSON and not request.by_key
        moment = self._imagined(request, now, signed_in=signed_in)
        decision, held = self._decide(holding, action.name, resource, moment, signed_in=signed_in)
        about = {"asked": action.name, "about": str(resource)}
        await self._db.record(op.allowed("iam.what-if", Resource("Identity", request.actor), **about))
        return self._told(op, _explanation(now, request.actor, action.name, resource, moment, decision, held))

    def _decide(
        self, holding: Holding, action: str, resource: Resource, moment: Circumstances, *, signed_in: bool
    ) -> tuple[Decision, tuple[Held, ...]]:
        """As the gate would: elevated privileged roles count in sessions only, and nobody inactive may anything."""
        held = tuple(each for each in holding.now() if signed_in or each.how is How.GRANTED or not _privileged(each))
        if not holding.active or resource.type not in ACTIONS[action].resource_types:
            return Decision(False), held
        principal, facts = principal_of(holding, held), facts_of(resource)
        decision = self._gate.policy.decide(principal, action, facts, moment)
        permits = self._gate.policy.permitting(principal, action, facts, moment)
        return Decision(decision.allowed, decision.forbidden_by, decision.conditions, permits), held

    def _imagined(self, request: WhatIf, now: Instant, *, signed_in: bool) -> Circumstances:
        actor = Actor(request.actor, ActorKind.PERSON, session="imagined" if signed_in else None)
        today = self._gate.moment(Question(actor, request.action, PLATFORM, request.purpose.value), now)
        return Circumstances(
            purpose=request.purpose.value,
            signed_in=signed_in,
            zone=request.zone,
            hour=today.hour if request.hour is None else request.hour,
            weekday=today.weekday if request.weekday is None else request.weekday,
            factors=frozenset(),
            factor_age_s=request.factor_minutes * 60 if signed_in else None,
            device_certificate=request.device,
        )

    def _may_see(self, op: Operation, past: PastDecision) -> bool:
        whose = self._things.named(f"Identity:{past.actor}")
        return self._gate.permits(Question(op.actor, "iam.explain", whose, op.purpose, op.origin, op.device))

    def _supervises(self, op: Operation) -> bool:
        return self._gate.permits(Question(op.actor, "iam.who-can", PLATFORM, op.purpose, op.origin, op.device))

    def _known(self, resource: Resource) -> Resource:
        try:
            return self._things.named(str(resource))
        except Invalid:
            return resource

    def _told(
        self, op: Operation, found: Explanation, *, decision: str = "", recorded: str = "", agrees: bool | None = None
    ) -> Explanation:
        """The policies are told to those who supervise. Somebody else who lacks the right could learn what there is."""
        silent = found.outcome == Outcome.DENIED and not found.unmet and not found.action.startswith("iam.")
        if silent and not self._supervises(op):
            found = structs.replace(found, permitted_by=(), forbidden_by=(), facts=found.facts[:_FACTS_OF_THE_MOMENT])
            recorded = recorded.partition(" ")[0]
        return structs.replace(found, decision=decision, recorded=recorded, agrees=agrees)


_FACTS_OF_THE_MOMENT = 7
_NOT_RECORDED = frozenset({FRESH_FACTOR, PASSKEYS_ONLY, PRIVILEGED_DEVICE})
"""Conditions on facts that the log does not hold of a past decision."""


def _explanation(  # noqa: PLR0917
    at: Instant,
    actor: str,
    action: str,
    resource: Resource,
    moment: Circumstances,
    decision: Decision,
    held: Iterable[Held],
) -> Explanation:
    approver = ACTIONS[action].approver
    return Explanation(
        decision="",
        at=at,
        actor=actor,
        action=action,
        resource=str(resource),
        purpose=moment.purpose,
        outcome=(Outcome.ALLOWED if decision.allowed else Outcome.DENIED).value,
        recorded="",
        agrees=None,
        permitted_by=decision.permitted_by,
        forbidden_by=decision.forbidden_by,
        unmet=decision.conditions,
        approver="" if approver is None else approver.value,
        rights=tuple(
            RightSeen(role=each.role, scope=each.scope, how=each.how, until=each.ends_at, grant=each.id)
            for each in held
        ),
        facts=tuple(Fact(fact=name, value=value) for name, value in _facts(resource, moment)),
    )


def _facts(resource: Resource, moment: Circumstances) -> list[tuple[str, str]]:
    age = "none" if moment.factor_age_s is None else f"{moment.factor_age_s // (MINUTE // 1_000_000)} minutes"
    of_moment = [
        ("session", "yes" if moment.signed_in else "no"),
        ("network zone", moment.zone),
        ("hour", str(moment.hour)),
        ("weekday", str(moment.weekday)),
        ("factors", ", ".join(sorted(moment.factors)) or "not known"),
        ("age of the factor", age),
        ("device certificate", "yes" if moment.device_certificate else "no"),
    ]
    facts = facts_of(resource)
    return [
        *of_moment,
        ("scopes", ", ".join(facts.scopes)),
        *((f"resource {name}", _said(value)) for name, value in facts.attributes),
    ]


def _said(fact: str | frozenset[str]) -> str:
    return fact if isinstance(fact, str) else ", ".join(sorted(fact))


def _privileged(held: Held) -> bool:
    return Role(held.role) in PRIVILEGED_ROLES


def _question(past: PastDecision, resource: Resource) -> Question:
    """Sessions tell the log neither their factors nor their age: these facts are not known of a past decision."""
    kind = ActorKind.PERSON if past.kind == ActorKind.PERSON.value else ActorKind.MACHINE
    actor = Actor(past.actor, kind, person=past.person, session=past.session)
    return Question(actor, past.action, resource, past.purpose, past.origin)

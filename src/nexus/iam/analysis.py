"""Who may do something, and what somebody may do: asked of the policies, never of a table of its own.

What many people hold alike is decided once: a right counts by its role and by whether its scope reaches the resource.
A property test compares the answers with decisions made one by one.
"""

import asyncio
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nexus.iam.actions import ACTIONS
from nexus.iam.decisions import Circumstances, Policy, Principal
from nexus.iam.holdings import Held, Holding, How, principal_of
from nexus.iam.matrix import ME, cases
from nexus.iam.model import PLATFORM_SCOPE, Purpose
from nexus.iam.ports import Evidence
from nexus.iam.requests.analysis import Holder, Holders, Power, Powers, WhatCan, WhoCan
from nexus.iam.resources import Resources
from nexus.iam.rules import ResourceFacts, facts_of, page_size
from nexus.iam.store import holdings
from nexus.iam.tables.action import RESOURCE_TYPES, Action
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.errors import Invalid, NotFound
from nexus.kernel.operation import PLATFORM, Operation, Resource

STEP = 500
"""Identities read at a time."""
ELSEWHERE = "project:elsewhere"
"""Stands for every scope that does not reach the resource."""
NOBODY = "nobody"
ALONE = {"Platform": "nexus", "Log": "audit"}
"""Types of which there is one thing, and its id."""


class Verdict(NamedTuple):
    """For which purposes something is allowed, and the conditions that must be met besides."""

    purposes: tuple[str, ...]
    conditions: tuple[str, ...]


class Things:
    """Finds the resource that a name of the form `Type:id` means."""

    def __init__(self, resources: Resources, evidence: Evidence) -> None:
        self._resources = resources
        self._evidence = evidence

    def named(self, text: str) -> Resource:
        """The resource, with the facts that there are about it; without any if it does not exist. Raises Invalid."""
        type_, _, id_ = text.partition(":")
        id_ = id_ or ALONE.get(type_, "")
        if type_ not in RESOURCE_TYPES or not id_:
            kinds = ", ".join(RESOURCE_TYPES)
            raise Invalid("this names no resource", code="iam.no-resource", hint=f"write Type:id with one of {kinds}")
        match type_:
            case "Bucket":
                return self._evidence.bucket(id_) or Resource(type_, id_)
            case "Identity":
                return self._resources.identity(id_)
            case "Approval":
                return self._resources.intent(id_)
            case "Eligibility":
                return self._resources.eligibility(id_)
            case "Project":
                return Resource(type_, id_, {"project": id_})
            case _:
                return Resource(type_, id_)

    def exists(self, resource: Resource) -> bool:
        """Whether anything is known of it. Of keys, decisions look at nothing: each name will do."""
        return bool(resource.attributes) or resource.type in {*ALONE, "Key"}


def action_named(name: str, resource: Resource | None = None) -> Action:
    """The action, fit for the resource. Raises Invalid."""
    action = ACTIONS.get(name)
    if action is None:
        raise Invalid("there is no such action", code="iam.no-action", hint="docs/reference/roles-and-actions.md")
    if resource is not None and resource.type not in action.resource_types:
        kinds = ", ".join(action.resource_types)
        raise Invalid(f"this action is not done to {resource.type}", code="iam.no-resource", hint=f"it takes {kinds}")
    return action


class AnalysisStories:
    """Who can, what can."""

    def __init__(self, db: Database, clock: Clock, policy: Policy, things: Things) -> None:
        self._db = db
        self._clock = clock
        self._policy = policy
        self._things = things

    async def who_can(self, op: Operation, request: WhoCan) -> Holders:
        """Who may do it now, or could by elevating a right. Raises Invalid, NotFound."""
        resource = self._things.named(request.resource)
        action = action_named(request.action, resource)
        if not self._things.exists(resource):
            raise NotFound("there is no such thing", code="iam.no-resource")
        limit = page_size(request.limit)
        found, next_ = await asyncio.to_thread(self._holders, action, resource, request, limit)
        entry = op.allowed("iam.who-can", PLATFORM, asked=action.name, about=str(resource), found=len(found))
        await self._db.record(entry)
        approver = "" if action.approver is None else action.approver.value
        return Holders(action=action.name, resource=str(resource), approver=approver, holders=tuple(found), next=next_)

    async def what_can(self, op: Operation, request: WhatCan) -> Powers:
        """What an identity may do. Raises NotFound."""
        now = self._clock.now()
        with self._db.read() as tx:
            holding = holdings.holding(tx, request.person, now)
        if holding is None:
            raise NotFound("no such identity", code="iam.no-identity")
        powers = await asyncio.to_thread(lambda: tuple(self._powers(holding))) if holding.active else ()
        await self._db.record(op.allowed("iam.what-can", Resource("Identity", request.person)))
        return Powers(
            identity=holding.identity, name=holding.name, kind=holding.kind, active=holding.active, powers=powers
        )

    # Who can

    def _holders(
        self, action: Action, resource: Resource, request: WhoCan, limit: int
    ) -> tuple[list[Holder], str | None]:
        facts, judge = facts_of(resource), _Judge(self._policy, action, facts_of(resource))
        found: list[Holder] = []
        seen = 0
        for holding in self._everybody(request.after):
            ways = [way for way in _ways(judge, facts, holding) if request.purpose in (None, *way.purposes)]
            found += ways
            seen += bool(ways)
            if seen == limit:
                return found, holding.identity
        return found, None

    def _everybody(self, after: str) -> Iterator[Holding]:
        now = self._clock.now()
        while True:
            with self._db.read() as tx:
                step = list(holdings.holdings(tx, after, STEP, now))
            yield from step
            if len(step) < STEP:
                return
            after = step[-1].identity

    # What can

    def _powers(self, holding: Holding) -> Iterator[Power]:
        me = Holding(ME, holding.kind, holding.name, ME, True, holding.held)
        for held in holding.held:
            together = {each.id: each for each in (*holding.now(), held)}.values()
            yield self._power(me, held, list(together))
        yield self._power(me, None, list(holding.now()))

    def _power(self, me: Holding, held: Held | None, together: list[Held]) -> Power:
        """What one right gives; what is one's own (`held` None) needs none."""
        alone, all_ = principal_of(me, [held] if held else []), principal_of(me, together)
        nobody = principal_of(me, [])
        scope = PLATFORM_SCOPE if held is None else held.scope
        actions: dict[str, bool] = {}
        conditions: set[str] = set()
        for action in ACTIONS.values():
            for facts in _within(action, scope):
                verdict = verdict_of(self._policy, all_, action.name, facts)
                gives = verdict.purposes and self._policy.permitting(alone, action.name, facts, _best(all_, verdict))
                if gives and (
                    held is None or not self._policy.permitting(nobody, action.name, facts, _best(all_, verdict))
                ):
                    actions[action.name] = action.sensitive
                    conditions.update(verdict.conditions)
        return Power(
            role="" if held is None else held.role,
            scope="" if held is None else held.scope,
            how=How.OWN if held is None else held.how,
            until=None if held is None else held.ends_at,
            actions=tuple(name for name, sensitive in actions.items() if not sensitive),
            held=tuple(name for name, sensitive in actions.items() if sensitive),
            conditions=tuple(sorted(conditions)),
            grant="" if held is None else held.id,
        )


class _Judge:
    """Decides about one action on one resource, once for all who hold alike."""

    def __init__(self, policy: Policy, action: Action, facts: ResourceFacts) -> None:
        self._policy = policy
        self._action = action
        self._facts = facts
        self._named = {value for name, value in facts.attributes if name in {"person", "created_by", "requester"}}
        self._verdicts: dict[object, Verdict] = {}
        self._permits: dict[object, tuple[str, ...]] = {}

    def verdict(self, holding: Holding, held: Iterable[Held]) -> Verdict:
        """What is allowed with these rights."""
        like, shape = self._like(holding, held)
        if shape not in self._verdicts:
            self._verdicts[shape] = verdict_of(self._policy, like, self._action.name, self._facts)
        return self._verdicts[shape]

    def permits(self, holding: Holding, held: Iterable[Held], verdict: Verdict) -> tuple[str, ...]:
        """The policies that permit it with these rights."""
        like, shape = self._like(holding, held)
        key = (shape, verdict.purposes)
        if key not in self._permits:
            best = _best(like, verdict)
            self._permits[key] = self._policy.permitting(like, self._action.name, self._facts, best)
        return self._permits[key]

    def _like(self, holding: Holding, held: Iterable[Held]) -> tuple[Principal, object]:
        """Somebody for whom every policy says the same."""
        person = holding.person if holding.person in self._named else NOBODY
        reduced = [
            Held(
                "",
                each.role,
                each.scope if each.scope in self._facts.scopes else ELSEWHERE,
                each.starts_at,
                each.ends_at,
                each.how,
            )
            for each in held
        ]
        like = principal_of(Holding(person, holding.kind, "", person, True, ()), reduced)
        return like, (like.type, person, tuple(sorted(like.rights.items())), like.elevated)


def _ways(judge: _Judge, facts: ResourceFacts, holding: Holding) -> Iterator[Holder]:
    """Each right by which an identity may do it."""
    now = holding.now()
    verdict = judge.verdict(holding, now)
    if verdict.purposes:
        if own := judge.permits(holding, (), verdict):
            yield _holder(holding, None, verdict, own)
        for held in now:
            permits = judge.permits(holding, (held,), verdict)
            if gained := tuple(policy for policy in permits if policy not in own):
                yield _holder(holding, held, verdict, gained)
    for held in holding.held:
        if held.how is How.ELIGIBLE:
            could = judge.verdict(holding, (*now, held))
            gained = judge.permits(holding, (held,), could) if could.purposes else ()
            if gained and not judge.permits(holding, (), could):
                yield _holder(holding, held, could, gained)


def _holder(holding: Holding, held: Held | None, verdict: Verdict, policies: tuple[str, ...]) -> Holder:
    return Holder(
        identity=holding.identity,
        name=holding.name,
        kind=holding.kind,
        how=How.OWN if held is None else held.how,
        role="" if held is None else held.role,
        scope="" if held is None else held.scope,
        until=None if held is None else held.ends_at,
        purposes=verdict.purposes,
        conditions=verdict.conditions,
        policies=policies,
        grant="" if held is None else held.id,
    )


def verdict_of(policy: Policy, principal: Principal, action: str, facts: ResourceFacts) -> Verdict:
    """For which purposes the rights allow it, in a session where the principal is a person."""
    purposes = []
    conditions: set[str] = set()
    for purpose in Purpose:
        moment = Circumstances(purpose.value, signed_in=principal.type == "Person")  # in which no condition is met
        decision = policy.decide(principal, action, facts, moment)
        if decision.allowed or decision.conditions:
            purposes.append(purpose.value)
            conditions.update(decision.conditions)
    return Verdict(tuple(purposes), tuple(sorted(conditions)))


def _best(principal: Principal, verdict: Verdict) -> Circumstances:
    return Circumstances(verdict.purposes[0], signed_in=principal.type == "Person")


def _within(action: Action, scope: str) -> Iterator[ResourceFacts]:
    """The resources of every kind as they lie in a scope."""
    kind, _, name = scope.partition(":")
    for case in cases(action):
        attributes = {key: value for key, value in case.resource.attributes.items() if key != "project"}
        id_ = case.resource.id
        if kind in {"site", "project"}:
            attributes[kind] = name
        elif kind == "bucket" and case.resource.type == "Bucket":
            id_ = name
        yield facts_of(Resource(case.resource.type, id_, attributes))

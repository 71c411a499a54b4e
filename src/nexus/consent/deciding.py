"""What patients and those who stand for them do: decide, withdraw, object, lift."""

from dataclasses import replace

from nexus.consent import store
from nexus.consent.appending import Act, append
from nexus.consent.checking import check_provisions
from nexus.consent.events import announce
from nexus.consent.holders import holding_now
from nexus.consent.model import Capacity, Decision, DecisionKind, subject_resource
from nexus.consent.requests import Decide, DecisionView, LiftObjection, Object, Withdraw
from nexus.consent.rules import status_of
from nexus.consent.subjects import concerning
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Denied, Invalid
from nexus.kernel.operation import Entry, Operation

DECIDE = "consent.own.decide"
WITHDRAW = "consent.own.withdraw"
OBJECT = "consent.own.object"
LIFT = "consent.own.lift-objection"


class Deciding:
    """The stories of those who decide. The gate has let them pass; their power is looked at again in the commit."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def decide(self, op: Operation, request: Decide) -> DecisionView:
        """Permit and deny. Raises Invalid, NotFound, Conflict (`consent.stale`), Denied."""
        check_provisions(request.provisions)
        if not request.provisions and not request.replaces:
            raise Invalid("a decision permits, denies or replaces something", code="consent.empty")
        act = self._act(op, request.subject, DecisionKind.PERMISSIONS, request.key)
        act = replace(act, provisions=request.provisions, about=request.replaces, version=request.version)
        return await self._append(op, DECIDE, act)

    async def withdraw(self, op: Operation, request: Withdraw) -> DecisionView:
        """Take back what a decision permits. Raises NotFound, Conflict if it permits nothing."""
        act = self._act(op, request.subject, DecisionKind.WITHDRAWAL, request.key)
        return await self._append(op, WITHDRAW, replace(act, about=(request.decision,)))

    async def object(self, op: Operation, request: Object) -> DecisionView:
        """Object to every secondary use."""
        return await self._append(op, OBJECT, self._act(op, request.subject, DecisionKind.OBJECTION, request.key))

    async def lift_objection(self, op: Operation, request: LiftObjection) -> DecisionView:
        """Take the objection back. Raises Conflict if there is none or the version is stale, Denied of a minor."""
        act = self._act(op, request.subject, DecisionKind.LIFTING, request.key)
        return await self._append(op, LIFT, replace(act, version=request.version))

    def _act(self, op: Operation, subject: str, kind: DecisionKind, key: str) -> Act:
        """What the actor does; in which capacity is known in the commit only."""
        account = op.actor.person
        if account is None or account != op.actor.id:
            raise not_holder()
        return Act(subject, kind, Capacity.SELF, account, op.actor.id, self._clock.now(), key=key)

    async def _append(self, op: Operation, action: str, act: Act) -> DecisionView:
        now = act.decided_at

        def work(tx: Transaction) -> Recorded[DecisionView]:
            holding = holding_now(tx, act.account, act.subject, now)
            if holding is None:
                raise not_holder()
            return commit(tx, op, action, replace(act, capacity=holding.capacity), now)

        return await self._database.write(work)


def commit(tx: Transaction, op: Operation, action: str, act: Act, now: Instant) -> Recorded[DecisionView]:
    """Append an act, tell of it, and record it: one transaction."""
    done = append(tx, act, now, op.id)
    if not done.repeated:
        announce(tx, done.decision)
    subject = store.subject(tx, act.subject)
    entry = _entry(op, action, done.decision, subject.site if subject else "", repeated=done.repeated)
    return Recorded(view(done.decision, store.history(tx, act.subject), now), entry)


def view(decision: Decision, history: list[Decision], now: Instant) -> DecisionView:
    """A decision as callers see it, with where it stands now."""
    return DecisionView(
        id=decision.id,
        subject=decision.subject,
        version=decision.number,
        kind=decision.kind,
        status=status_of(decision, history, now),
        provisions=decision.provisions,
        about=decision.about,
        capacity=decision.capacity,
        account=decision.account,
        recorded_by=decision.recorded_by,
        decided_at=decision.decided_at,
        recorded_at=decision.recorded_at,
        approval=decision.approval,
        scan=decision.scan,
        reason=decision.reason,
    )


def not_holder() -> Denied:
    """The same whether the subject is somebody else's or does not exist."""
    return Denied("you do not decide for this subject", code="consent.not-holder")


def _entry(op: Operation, action: str, decision: Decision, site: str, *, repeated: bool) -> Entry:
    told = op.allowed(
        action,
        subject_resource(decision.subject, site),
        decision=decision.id,
        kind=decision.kind.value,
        version=decision.number,
        capacity=decision.capacity.value,
        digest=decision.digest(),
        **({"repeated": True} if repeated else {}),
    )
    return concerning(told, decision.subject)

"""Four eyes: a sensitive operation runs only after other persons approved exactly what will run. Numbered steps:

1. **Propose.** The requester, who has the right to the operation, stores an intent: operation, resource, canonical
   request, and a digest over the three. It ends by itself after `APPROVAL_VALID`.
2. **Approve.** A person in a session with two factors, with the approver's role, who does not answer for the requester,
   names the digest of what she has read. Each person counts once.
3. **Claim.** The requester carries it out: the digest is computed anew and must be the one that was approved; the rights
   of requester and approvers are checked again; the intent becomes executed in one step, once, whoever else tries.
4. **Perform.** The service that makes the change checks that this very request was claimed (`require`), and marks it as
   performed in the transaction of the change.

A crash between 3 and 4 leaves an intent that was executed and did nothing: it is proposed again, never run twice.
"""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import msgspec

from nexus.iam.actions import ACTIONS
from nexus.iam.gate import Gate, Question, asked
from nexus.iam.model import (
    APPROVAL_VALID,
    INTENT_TRANSITIONS,
    Approval,
    Claimed,
    Intent,
    IntentState,
)
from nexus.iam.requests.approvals import Intents
from nexus.iam.resources import intent_resource
from nexus.iam.rules import page_size
from nexus.iam.store import humans, intents
from nexus.iam.store.intents import ApprovalRow, IntentRow
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Actor, ActorKind, Entry, Operation, OperationSpec, Resource

MAX_REQUEST_BYTES = 65_536
MAX_OPEN = 100
"""Intents that one requester may have waiting."""


class Approvals:
    """Keeps intents and their approvals."""

    def __init__(self, db: Database, gate: Gate, clock: Clock) -> None:
        self._db = db
        self.gate = gate
        self._clock = clock

    async def propose(self, op: Operation, spec: OperationSpec, request_json: bytes, resource: Resource) -> Intent:
        """Store an intent. `request_json` is canonical: UTF-8, keys sorted, no spaces.

        Raises Denied if the requester has no right to the operation, Invalid if the operation is not a sensitive one
        or the request is not canonical, Conflict if too many intents of the requester are waiting.
        """
        self.gate.check(op, spec.action, resource)
        new = self._intent(op, spec, request_json, resource)

        def work(tx: Transaction) -> Recorded[Intent]:
            if intents.open_of(tx, op.actor.id, new.proposed_at) >= MAX_OPEN:
                raise Conflict("too many intents are waiting", code="iam.too-many-intents", hint="withdraw some")
            intents.add(tx, new)
            entry = op.allowed(
                "iam.approval.propose", resource, intent=new.id, operation=new.operation, digest=new.digest
            )
            return Recorded(_view(new, [], new.proposed_at), entry)

        return await self._db.write(work)

    async def content(self, intent_id: str) -> Claimed:
        """What an intent would execute; changes nothing. Raises NotFound, Damaged."""
        with self._db.read() as tx:
            found = _find(tx, intent_id)
        _verify(found, [])
        return Claimed(found.operation, found.request)

    async def read(self, op: Operation, intent_id: str) -> Intent:
        """One intent with its approvals. Raises NotFound."""
        with self._db.read() as tx:
            found, given = _find(tx, intent_id), intents.approvals(tx, intent_id)
        await self._db.record(op.allowed("iam.approval.read", intent_resource(found)))
        return _view(found, given, self._clock.now())

    async def list_intents(self, op: Operation, state: IntentState, after: str, limit: int) -> Intents:
        """The intents in a state that the actor may read."""
        now = self._clock.now()
        with self._db.read() as tx:
            found = intents.in_state(tx, state, after, page_size(limit))
            readable = [row for row in found if self._may(op, "iam.approval.read", row)]
            views = [_view(row, intents.approvals(tx, row.id), now) for row in readable]
        await self._db.record(op.allowed("iam.approval.list", PLATFORM, state=state.value))
        return Intents(intents=tuple(view for view in views if view.state is state))

    async def approve(self, op: Operation, intent_id: str, digest: str) -> Intent:
        """Add one's approval to an intent whose digest one has read.

        Raises Denied (not a signed-in person, not the role, one's own intent), Conflict (other content, approved by
        this person before, or no longer waiting), NotFound, Damaged.
        """

        def work(tx: Transaction) -> Recorded[Intent]:
            found, given, now = _find(tx, intent_id), intents.approvals(tx, intent_id), self._clock.now()
            approver = self._approver(tx, op, found)
            _verify(found, given)
            _require_state(found, IntentState.PROPOSED, now)
            if digest != found.digest:
                raise Conflict("that is not the content of this intent", code="iam.other-content", hint="read it again")
            if any(humans.same(tx, approval.person, approver) for approval in given):
                raise Conflict("you have approved this before", code="iam.approved-before")
            given.append(ApprovalRow(approver, op.actor.session or "", found.digest, now))
            intents.add_approval(tx, intent_id, given[-1])
            if len(given) >= found.approvals_needed:
                _move(tx, found, IntentState.APPROVED, now)
                found = replace(found, state=IntentState.APPROVED)
            return Recorded(_view(found, given, now), _entry(op, "iam.approval.approve", found))

        return await self._db.write(work)

    async def reject(self, op: Operation, intent_id: str) -> Intent:
        """Refuse an intent, or withdraw one's own, before it is executed. Raises Denied, Conflict, NotFound."""

        def work(tx: Transaction) -> Recorded[Intent]:
            found, given, now = _find(tx, intent_id), intents.approvals(tx, intent_id), self._clock.now()
            self.gate.check_in(tx, op, "iam.approval.reject", intent_resource(found))
            _move(tx, found, IntentState.REJECTED, now)
            rejected = replace(found, state=IntentState.REJECTED)
            return Recorded(_view(rejected, given, now), _entry(op, "iam.approval.reject", found))

        return await self._db.write(work)

    async def claim(self, op: Operation, intent_id: str) -> Claimed:
        """Mark an approved intent executed, once, and return exactly what was approved. Only its requester may.

        Raises NotFound; Denied (another actor, approvals missing, or a right lost since); Conflict (executed, rejected
        or expired); Damaged (stored content and digest differ).
        """

        def work(tx: Transaction) -> Recorded[Claimed]:
            found, given, now = _find(tx, intent_id), intents.approvals(tx, intent_id), self._clock.now()
            if op.actor.id != found.requester:
                raise Denied("only the requester carries out what was approved", code="iam.not-requester")
            if found.state is IntentState.PROPOSED and now < found.expires_at:
                raise Denied(
                    "approvals are missing", code="iam.approval-missing", hint="ask a second person to approve"
                )
            _require_state(found, IntentState.APPROVED, now)
            _verify(found, given)
            self.gate.check_in(tx, replace(op, purpose=found.purpose), found.action, found.resource)
            self._require_approvals(tx, found, given)
            _move(tx, found, IntentState.EXECUTED, now)
            return Recorded(Claimed(found.operation, found.request), _entry(op, "iam.approval.execute", found))

        return await self._db.write(work)

    async def execute(self, op: Operation, intent_id: str) -> None:
        """The door carries out what was approved; called as an ordinary operation this only refuses."""
        raise Invalid("an approved intent is carried out by the door", code="iam.execute-through-door")

    def require(self, tx: Transaction, op: Operation, operation: str, request_json: bytes) -> None:
        """Inside the transaction of a sensitive change: it was claimed by this actor, for this request, and not done yet.

        Raises Denied otherwise. Marks the intent as performed, in the caller's transaction.
        """
        found = intents.find(tx, op.approval) if op.approval else None
        if (
            found is None
            or found.requester != op.actor.id
            or (found.operation, found.request) != (operation, request_json)
            or not intents.perform(tx, found.id, self._clock.now())
        ):
            raise Denied("this needs the approval of a second person", code="iam.approval-missing")

    async def expire(self) -> int:
        """Mark intents whose time is over; they are refused in any case. Returns how many."""
        now = self._clock.now()
        return await self._db.bookkeep(Bookkeeping.EXPIRY, lambda tx: intents.expire(tx, now))

    def _intent(self, op: Operation, spec: OperationSpec, request_json: bytes, resource: Resource) -> IntentRow:
        action = ACTIONS[spec.action]
        if not action.sensitive or action.approver is None or op.actor.person is None:
            raise Invalid("this operation needs no second person", code="iam.not-sensitive")
        _require_canonical(request_json)
        now = self._clock.now()
        return IntentRow(
            id=new_id("int"),
            operation=spec.name,
            action=spec.action,
            resource=resource,
            request=request_json,
            digest=digest_of(spec.name, str(resource), request_json),
            requester=op.actor.id,
            requester_person=op.actor.person,
            purpose=op.purpose,
            approver_role=action.approver,
            approvals_needed=action.approvals,
            state=IntentState.PROPOSED,
            proposed_at=now,
            expires_at=Instant(now + APPROVAL_VALID),
        )

    def _approver(self, tx: Transaction, op: Operation, intent: IntentRow) -> str:
        """The approving person, if she may. Cedar says the same; this is the belt to its braces."""
        person = op.actor.person
        if op.actor.kind is not ActorKind.PERSON or op.actor.session is None or person is None:
            raise Denied("only a signed-in person approves", code="iam.approver-not-signed-in")
        if humans.same(tx, person, intent.requester_person):
            raise Denied("nobody approves an intent of one's own", code="iam.own-approval", hint="ask a second person")
        self.gate.check_in(tx, op, "iam.approval.approve", intent_resource(intent))
        return person

    def _require_approvals(self, tx: Transaction, intent: IntentRow, given: list[ApprovalRow]) -> None:
        """Each approver still may approve: an approval does not outlive its giver's role.

        The conditions of the moment were met when it was given; now the approver may well be elsewhere.
        """
        standing = {humans.human(tx, approval.person) for approval in given if self._stands(tx, intent, approval)}
        if len(standing) < intent.approvals_needed:
            raise Denied(
                "an approver has lost the right to approve", code="iam.approval-missing", hint="propose it again"
            )

    def _stands(self, tx: Transaction, intent: IntentRow, approval: ApprovalRow) -> bool:
        approver = Actor(approval.person, ActorKind.PERSON, person=approval.person, session=approval.session)
        question = Question(approver, "iam.approval.approve", intent_resource(intent), intent.purpose)
        others = not humans.same(tx, approval.person, intent.requester_person)
        return others and self.gate.entitled_in(tx, question)

    def permits(self, question: Question) -> bool:
        """Whether the gate lets it pass: for lists that hold what their reader may read one by one."""
        return self.gate.permits(question)

    def _may(self, op: Operation, action: str, intent: IntentRow) -> bool:
        return self.gate.permits(asked(op, action, intent_resource(intent)))


def digest_of(operation: str, resource: str, request_json: bytes) -> str:
    """SHA-256 (hex) over the canonical JSON array of operation, resource and request text."""
    content = msgspec.json.encode([operation, resource, request_json.decode()])
    return sha256(b"nexus approval v1\n" + content).hexdigest()


def canonical(document: Any) -> bytes:
    """JSON in its one canonical form: UTF-8, keys sorted, no spaces."""
    return msgspec.json.encode(document, order="deterministic")


def _require_canonical(request_json: bytes) -> None:
    try:
        same = len(request_json) <= MAX_REQUEST_BYTES and canonical(msgspec.json.decode(request_json)) == request_json
    except (msgspec.MsgspecError, ValueError):
        same = False
    if not same:
        raise Invalid("the request is not canonical JSON, or too large", code="iam.not-canonical")


def _find(tx: Transaction, intent_id: str) -> IntentRow:
    found = intents.find(tx, intent_id)
    if found is None:
        raise NotFound("no such intent", code="iam.no-intent")
    return found


def _verify(intent: IntentRow, given: list[ApprovalRow]) -> None:
    """What is stored is what was proposed, and what was approved."""
    computed = digest_of(intent.operation, str(intent.resource), intent.request)
    if computed != intent.digest or any(approval.digest != computed for approval in given):
        raise Damaged(
            "the stored content is not what was proposed and approved",
            code="iam.content-changed",
            hint="propose it again",
        )


def _require_state(intent: IntentRow, needed: IntentState, now: Instant) -> None:
    state = _state(intent, now)
    if state is not needed:
        raise Conflict(f"this intent is {state.value}", code=f"iam.intent-{state.value}", hint="propose it again")


def _move(tx: Transaction, intent: IntentRow, after: IntentState, now: Instant) -> None:
    state = _state(intent, now)
    allowed = after in INTENT_TRANSITIONS[state]
    if not allowed or not intents.move(tx, intent.id, state, after, now):
        raise Conflict(f"this intent is {state.value}", code=f"iam.intent-{state.value}", hint="propose it again")


def _state(intent: IntentRow, now: Instant) -> IntentState:
    waiting = intent.state in {IntentState.PROPOSED, IntentState.APPROVED}
    return IntentState.EXPIRED if waiting and now >= intent.expires_at else intent.state


def _entry(op: Operation, action: str, intent: IntentRow) -> Entry:
    details = {"operation": intent.operation, "on": str(intent.resource), "digest": intent.digest}
    return op.allowed(action, intent_resource(intent), **details)


def _view(intent: IntentRow, given: list[ApprovalRow], now: Instant) -> Intent:
    return Intent(
        id=intent.id,
        operation=intent.operation,
        sentence=f"{ACTIONS[intent.action].sentence} ({intent.resource})",
        resource=str(intent.resource),
        request=intent.request.decode(),
        digest=intent.digest,
        requester=intent.requester,
        requester_person=intent.requester_person,
        approver_role=intent.approver_role,
        approvals_needed=intent.approvals_needed,
        approvals=tuple(Approval(person=approval.person, at=approval.at) for approval in given),
        state=_state(intent, now),
        proposed_at=intent.proposed_at,
        expires_at=intent.expires_at,
    )

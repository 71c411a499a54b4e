"""Asking for rights: a person asks, those who may grant answer, and the asker sees what became of it.

1. **Ask.** In a session with two factors, for oneself or one's machine: a role that could be granted, within a scope,
   until a date, with a reason. It waits for `REQUEST_VALID`.
2. **Answer.** Whoever may grant this role in this scope sees it, grants or refuses it. Granting *is* the grant: the same
   right, the same rules (nobody to himself, not through a second account, not to an identity that one created), and four
   eyes for a privileged role. The right and the answer are one commit.
3. The asker may withdraw it while it waits.
"""

from dataclasses import replace

from nexus.iam.approvals import Approvals
from nexus.iam.gate import asked
from nexus.iam.grants import GrantStories
from nexus.iam.model import (
    PRIVILEGED_ROLES,
    REQUEST_VALID,
    AccessRequest,
    AccessRequestState,
    IdentityState,
)
from nexus.iam.requests.asking import (
    AccessRequests,
    AccessRequestView,
    AskForRole,
    GrantPrivilegedRequest,
    ListAccessRequests,
    RefuseRequest,
)
from nexus.iam.requests.forms import ById
from nexus.iam.requests.rights import GrantRole
from nexus.iam.resources import Resources
from nexus.iam.rules import check_grant, check_reason, page_size
from nexus.iam.store import asking, identities
from nexus.kernel.clock import Clock, Instant
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Denied, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Entry, Operation, Resource
from nexus.web import codec

MAX_OPEN = 20
"""Requests that one person may have waiting."""


class AskingStories:
    """Requests for rights."""

    def __init__(
        self, db: Database, clock: Clock, *, approvals: Approvals, grants: GrantStories, resources: Resources
    ) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals
        self._grants = grants
        self._resources = resources

    async def ask(self, op: Operation, request: AskForRole) -> AccessRequestView:
        """Ask for a role. Raises Invalid (scope, period, reason), Denied (machine role), NotFound, Conflict."""
        reason, now = check_reason(request.reason), self._clock.now()

        def work(tx: Transaction) -> Recorded[AccessRequestView]:
            identity = identities.identity(tx, request.identity)
            if identity is None or identity.state is IdentityState.DELETED:
                raise NotFound("no such identity", code="iam.no-identity")
            check_grant(request.role, request.scope, identity.kind, starts_at=now, ends_at=request.ends_at, now=now)
            new = AccessRequest(
                id=new_id("req"),
                identity=identity.id,
                asked_by=op.actor.id,
                role=request.role,
                scope=request.scope,
                ends_at=request.ends_at,
                reason=reason,
                state=AccessRequestState.OPEN,
                asked_at=now,
                expires_at=Instant(min(now + REQUEST_VALID, request.ends_at)),
            )
            _require_room(asking.open_of(tx, op.actor.id, now), new)
            asking.add(tx, new)
            return Recorded(_view(new, now), _entry(op, "iam.access-request.create", new))

        return await self._db.write(work)

    async def list_requests(self, op: Operation, request: ListAccessRequests) -> AccessRequests:
        """The requests in a state that the actor may read: her own, and those that she could answer."""
        now = self._clock.now()
        with self._db.read() as tx:
            found = asking.in_state(tx, request.state, request.after, page_size(request.limit))
        views = [_view(each, now) for each in found if self._may_read(op, each)]
        await self._db.record(op.allowed("iam.access-request.list", PLATFORM, state=request.state.value))
        return AccessRequests(requests=tuple(view for view in views if view.state is request.state))

    async def read(self, op: Operation, request: ById) -> AccessRequestView:
        """One request. Raises NotFound."""
        with self._db.read() as tx:
            found = _find(tx, request.id)
        await self._db.record(_entry(op, "iam.access-request.read", found))
        return _view(found, self._clock.now())

    async def grant(self, op: Operation, request: ById) -> AccessRequestView:
        """Grant what was asked for. Raises Denied (privileged, one's own, second account), Conflict, NotFound, Invalid."""

        def work(tx: Transaction) -> Recorded[AccessRequestView]:
            found = self._waiting(tx, request.id)
            if found.role in PRIVILEGED_ROLES:
                raise Denied(
                    f"{found.role.value} needs a second person",
                    code="iam.privileged-role",
                    hint="use `nexus iam access-request grant-privileged`",
                )
            return self._grant(tx, op, found, "iam.access-request.grant")

        return await self._db.write(work)

    async def grant_privileged(self, op: Operation, request: GrantPrivilegedRequest) -> AccessRequestView:
        """Grant a privileged role that was asked for, under four eyes. Raises as `grant` does, Conflict on other content."""
        name, exact = "iam.access-request.grant-privileged", codec.encode(request, GrantPrivilegedRequest)

        def work(tx: Transaction) -> Recorded[AccessRequestView]:
            self._approvals.require(tx, op, name, exact)
            found = self._waiting(tx, request.id)
            asked = GrantPrivilegedRequest(
                id=found.id, identity=found.identity, role=found.role, scope=found.scope, ends_at=found.ends_at
            )
            if asked != request:
                raise Conflict("that is not what was asked for", code="iam.other-content", hint="read it again")
            return self._grant(tx, op, found, name)

        return await self._db.write(work)

    async def refuse(self, op: Operation, request: RefuseRequest) -> AccessRequestView:
        """Refuse, with a reason that the asker reads. Raises Invalid, Conflict, NotFound."""
        answer = check_reason(request.answer)
        return await self._close(op, request.id, "iam.access-request.refuse", AccessRequestState.REFUSED, answer)

    async def withdraw(self, op: Operation, request: ById) -> AccessRequestView:
        """Take back what one asked for. Raises Conflict, NotFound."""
        return await self._close(op, request.id, "iam.access-request.withdraw", AccessRequestState.WITHDRAWN, "")

    async def expire(self) -> int:
        """Mark requests whose time is over; they are refused in any case. Returns how many."""
        now = self._clock.now()
        return await self._db.bookkeep(Bookkeeping.EXPIRY, lambda tx: asking.expire(tx, now))

    async def _close(
        self, op: Operation, request_id: str, action: str, state: AccessRequestState, answer: str
    ) -> AccessRequestView:
        def work(tx: Transaction) -> Recorded[AccessRequestView]:
            found = self._waiting(tx, request_id)
            return self._decide(tx, op, replace(found, state=state, answer=answer), action)

        return await self._db.write(work)

    def _grant(self, tx: Transaction, op: Operation, found: AccessRequest, action: str) -> Recorded[AccessRequestView]:
        asked = GrantRole(identity=found.identity, role=found.role, scope=found.scope, ends_at=found.ends_at)
        granted = self._grants.add(tx, op, asked)
        return self._decide(tx, op, replace(found, state=AccessRequestState.GRANTED, grant=granted.id), action)

    def _decide(
        self, tx: Transaction, op: Operation, decided: AccessRequest, action: str
    ) -> Recorded[AccessRequestView]:
        now = self._clock.now()
        decided = replace(decided, decided_by=op.actor.id, decided_at=now)
        if not asking.decide(tx, decided, now):
            raise Conflict("this request no longer waits for an answer", code="iam.request-closed")
        return Recorded(_view(decided, now), _entry(op, action, decided))

    def _waiting(self, tx: Transaction, request_id: str) -> AccessRequest:
        found = _find(tx, request_id)
        state = _state(found, self._clock.now())
        if state is not AccessRequestState.OPEN:
            raise Conflict(f"this request is {state.value}", code="iam.request-closed", hint="ask again")
        return found

    def _may_read(self, op: Operation, found: AccessRequest) -> bool:
        about = self._resources.grantee(found.identity, found.role, found.scope)
        return self._approvals.permits(asked(op, "iam.access-request.read", about))


def _require_room(waiting: list[AccessRequest], new: AccessRequest) -> None:
    if len(waiting) >= MAX_OPEN:
        raise Conflict("too many requests are waiting", code="iam.too-many-requests", hint="withdraw some")
    asked = (new.identity, new.role, new.scope)
    if any((each.identity, each.role, each.scope) == asked for each in waiting):
        raise Conflict("the same request is waiting already", code="iam.asked-already")


def _find(tx: Transaction, request_id: str) -> AccessRequest:
    found = asking.find(tx, request_id)
    if found is None:
        raise NotFound("no such request", code="iam.no-request")
    return found


def _state(found: AccessRequest, now: Instant) -> AccessRequestState:
    over = found.state is AccessRequestState.OPEN and now >= found.expires_at
    return AccessRequestState.EXPIRED if over else found.state


def _entry(op: Operation, action: str, found: AccessRequest) -> Entry:
    more = {"grant": found.grant} if found.grant else {}
    return op.allowed(
        action,
        Resource("Identity", found.identity),
        request=found.id,
        role=found.role.value,
        scope=found.scope,
        ends_at=found.ends_at,
        **more,
    )


def _view(found: AccessRequest, now: Instant) -> AccessRequestView:
    return AccessRequestView(
        id=found.id,
        identity=found.identity,
        asked_by=found.asked_by,
        role=found.role,
        scope=found.scope,
        ends_at=found.ends_at,
        reason=found.reason,
        state=_state(found, now),
        asked_at=found.asked_at,
        expires_at=found.expires_at,
        decided_by=found.decided_by,
        decided_at=found.decided_at,
        answer=found.answer,
        grant=found.grant,
    )

"""Rights: granted within a scope until a date, taken away at once, listed."""

from nexus.iam.approvals import Approvals
from nexus.iam.duties import require_no_conflict
from nexus.iam.elevations import view as elevation_view
from nexus.iam.granting import able_to_receive, period, receiver, require_approved, require_unprivileged
from nexus.iam.model import Grant
from nexus.iam.requests.forms import ById, Nothing
from nexus.iam.requests.rights import GrantRole, Grants, GrantView, ListGrants, Me
from nexus.iam.rules import MAX_PAGE, page_size
from nexus.iam.store import duties, elevations, identities
from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation, Resource

ENDING_SOON = 30 * DAY
"""Rights that end within this time are announced."""


class GrantStories:
    """Rights of persons and machines."""

    def __init__(self, db: Database, clock: Clock, approvals: Approvals) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals

    async def grant(self, op: Operation, request: GrantRole) -> GrantView:
        """Grant a role of data work. Raises Invalid (scope, period), Denied (privileged role), NotFound, Conflict."""
        require_unprivileged(request.role, "iam role grant-privileged")

        def work(tx: Transaction) -> Recorded[GrantView]:
            return self._granted(op, self.add(tx, op, request), "iam.role.grant")

        return await self._db.write(work)

    async def grant_privileged(self, op: Operation, request: GrantRole) -> GrantView:
        """Grant any role, under four eyes. Raises Invalid, Denied (not approved), NotFound, Conflict."""
        name = "iam.role.grant-privileged"

        def work(tx: Transaction) -> Recorded[GrantView]:
            require_approved(self._approvals, tx, op, name, request)
            return self._granted(op, self.add(tx, op, request), name)

        return await self._db.write(work)

    async def revoke(self, op: Operation, request: ById) -> None:
        """Take a right away; every process obeys from its next decision on. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found = identities.grant(tx, request.id)
            if found is None or not identities.revoke_grant(tx, request.id, self._clock.now()):
                raise NotFound("no such right", code="iam.no-grant")
            entry = op.allowed(
                "iam.role.revoke", _resource(found.identity), grant=found.id, role=found.role.value, scope=found.scope
            )
            return Recorded(None, entry)

        await self._db.write(work)

    async def list_grants(self, op: Operation, request: ListGrants) -> Grants:
        """Rights that hold now or will hold, of one identity or of all."""
        now, limit = self._clock.now(), page_size(request.limit)
        with self._db.read() as tx:
            if request.identity:
                found = identities.grants_of(tx, request.identity, now)
            else:
                found = identities.grants(tx, request.after, limit, now)
        about = _resource(request.identity) if request.identity else PLATFORM
        await self._db.record(op.allowed("iam.role.list", about))
        return Grants(grants=tuple(_view(grant) for grant in found))

    async def me(self, op: Operation, request: Nothing) -> Me:
        """Who the actor is, and the rights that hold now."""
        now = self._clock.now()
        with self._db.read() as tx:
            held = [grant for grant in identities.grants_of(tx, op.actor.id, now) if grant.starts_at <= now]
            elevated = elevations.elevations(tx, op.actor.id, "", MAX_PAGE, open_at=now)
        await self._db.record(op.allowed("iam.me.read", _resource(op.actor.id)))
        return Me(
            id=op.actor.id,
            kind=op.actor.kind.value,
            name=op.actor.name,
            session=op.actor.session,
            grants=tuple(_view(grant) for grant in held),
            elevations=tuple(elevation_view(each) for each in elevated),
        )

    def ending_soon(self) -> list[Grant]:
        """Rights that end within `ENDING_SOON`, the next one first: for `nexus doctor`."""
        now = self._clock.now()
        with self._db.read() as tx:
            return identities.grants_ending(tx, now, Instant(now + ENDING_SOON))

    def add(self, tx: Transaction, op: Operation, request: GrantRole) -> Grant:
        """Store a right, in the caller's transaction, which records it. Raises Invalid, Denied, NotFound, Conflict."""
        receiver(tx, op, request.identity)
        return self.add_by_rule(tx, op, request)

    def add_by_rule(self, tx: Transaction, op: Operation, request: GrantRole) -> Grant:
        """The same for a right that a rule gives which two people agreed to: whoever applies it may have created her."""
        now = self._clock.now()
        identity = able_to_receive(tx, request.identity)
        starts_at = period(request, identity, now)
        require_no_conflict(request.role, request.scope, duties.held_by(tx, identity.id, now))
        new = Grant(new_id("grt"), identity.id, request.role, request.scope, starts_at, request.ends_at, op.actor.id)
        identities.add_grant(tx, new, now)
        return new

    @staticmethod
    def _granted(op: Operation, new: Grant, action: str) -> Recorded[GrantView]:
        details = {"grant": new.id, "role": new.role.value, "scope": new.scope, "ends_at": new.ends_at}
        return Recorded(_view(new), op.allowed(action, _resource(new.identity), **details))


def _resource(identity_id: str) -> Resource:
    return Resource("Identity", identity_id)


def _view(grant: Grant) -> GrantView:
    return GrantView(
        id=grant.id,
        identity=grant.identity,
        role=grant.role,
        scope=grant.scope,
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
        granted_by=grant.granted_by,
    )

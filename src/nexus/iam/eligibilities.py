"""Eligible grants: what a person may elevate when the work needs it. They give nothing by themselves.

Making somebody eligible takes the same right, the same distance and the same four eyes as granting the role itself.
"""

from nexus.iam.approvals import Approvals
from nexus.iam.granting import period, receiver, require_approved, require_unprivileged
from nexus.iam.model import (
    Eligibility,
    EligibilityKind,
    IdentityKind,
)
from nexus.iam.requests.elevations import Eligibilities, EligibilityView, GrantEligibility, ListEligibilities
from nexus.iam.requests.forms import ById
from nexus.iam.rules import check_emergency, page_size
from nexus.iam.store import elevations
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Operation, Resource


class EligibilityStories:
    """Eligible grants of persons."""

    def __init__(self, db: Database, clock: Clock, approvals: Approvals) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals

    async def grant(self, op: Operation, request: GrantEligibility) -> EligibilityView:
        """Make a person eligible for a role of data work. Raises Invalid, Denied (privileged), NotFound, Conflict."""
        require_unprivileged(request.role, "iam eligibility grant-privileged")

        def work(tx: Transaction) -> Recorded[EligibilityView]:
            return self._add(tx, op, request, "iam.eligibility.grant")

        return await self._db.write(work)

    async def grant_privileged(self, op: Operation, request: GrantEligibility) -> EligibilityView:
        """Make a person eligible for any role, under four eyes. Raises Invalid, Denied, NotFound, Conflict."""
        name = "iam.eligibility.grant-privileged"

        def work(tx: Transaction) -> Recorded[EligibilityView]:
            require_approved(self._approvals, tx, op, name, request)
            return self._add(tx, op, request, name)

        return await self._db.write(work)

    async def revoke(self, op: Operation, request: ById) -> None:
        """Take an eligible grant away, and end what was elevated through it. Raises NotFound."""

        def work(tx: Transaction) -> Recorded[None]:
            found, now = elevations.eligibility(tx, request.id), self._clock.now()
            if found is None or not elevations.revoke_eligibility(tx, request.id, now):
                raise NotFound("no such eligible grant", code="iam.no-eligibility")
            entry = op.allowed("iam.eligibility.revoke", Resource("Identity", found.person), **_details(found))
            return Recorded(None, entry)

        await self._db.write(work)

    async def list_eligibilities(self, op: Operation, request: ListEligibilities) -> Eligibilities:
        """Eligible grants that hold now or will hold, of one identity or of all."""
        now, limit = self._clock.now(), page_size(request.limit)
        with self._db.read() as tx:
            found = elevations.eligibilities(tx, request.identity, request.after, limit, now)
        about = Resource("Identity", request.identity) if request.identity else PLATFORM
        await self._db.record(op.allowed("iam.eligibility.list", about))
        return Eligibilities(eligibilities=tuple(_view(each) for each in found))

    def _add(self, tx: Transaction, op: Operation, request: GrantEligibility, action: str) -> Recorded[EligibilityView]:
        now = self._clock.now()
        person = receiver(tx, op, request.identity)
        if person.kind is not IdentityKind.PERSON:
            raise NotFound("no such person", code="iam.no-person", hint="only persons elevate: they prove factors")
        starts_at = period(request, person, now)
        if request.kind is EligibilityKind.EMERGENCY:
            check_emergency(request.role, request.scope)
        new = Eligibility(
            id=new_id("elg"),
            person=person.id,
            role=request.role,
            scope=request.scope,
            kind=request.kind,
            approval=request.approval,
            starts_at=starts_at,
            ends_at=request.ends_at,
            granted_by=op.actor.id,
            suspended=False,
        )
        elevations.add_eligibility(tx, new, now)
        return Recorded(_view(new), op.allowed(action, Resource("Identity", person.id), **_details(new)))


def _details(eligible: Eligibility) -> dict[str, str | int]:
    return {
        "eligibility": eligible.id,
        "kind": eligible.kind.value,
        "role": eligible.role.value,
        "scope": eligible.scope,
        "approval": eligible.approval.value,
        "ends_at": eligible.ends_at,
    }


def _view(eligible: Eligibility) -> EligibilityView:
    return EligibilityView(
        id=eligible.id,
        person=eligible.person,
        role=eligible.role,
        scope=eligible.scope,
        kind=eligible.kind,
        approval=eligible.approval,
        starts_at=eligible.starts_at,
        ends_at=eligible.ends_at,
        granted_by=eligible.granted_by,
        suspended=eligible.suspended,
    )

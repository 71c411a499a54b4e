"""What every grant has in common, whether it holds or may be taken up: to whom, by whom, and with which eyes.

Granting a role and making somebody eligible for it take the same right, the same distance and the same four eyes; this is
where that is said once.
"""

from typing import Any

from nexus.iam.approvals import Approvals
from nexus.iam.humans import require_other_human
from nexus.iam.model import PRIVILEGED_ROLES, Identity, IdentityState, Role
from nexus.iam.rules import check_grant
from nexus.iam.store import identities
from nexus.iam.store.patients import require_staff
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Conflict, Denied, NotFound
from nexus.kernel.operation import Operation
from nexus.web import codec


def require_unprivileged(role: Role, with_a_second_person: str) -> None:
    """Raises Denied on a role that one person alone does not give; names the command that two give it with."""
    if role in PRIVILEGED_ROLES:
        raise Denied(
            f"{role.value} needs a second person",
            code="iam.privileged-role",
            hint=f"use `nexus {with_a_second_person}`",
        )


def require_approved(approvals: Approvals, tx: Transaction, op: Operation, name: str, request: Any) -> None:
    """Raises Denied unless a second person approved exactly this request."""
    approvals.require(tx, op, name, codec.encode(request, type(request)))


def receiver(tx: Transaction, op: Operation, identity_id: str) -> Identity:
    """Who is to receive it, somebody else than who gives it or created the account. Raises NotFound, Denied, Conflict."""
    found = identities.identity(tx, identity_id)
    if found is not None:
        require_other_human(tx, op, found.person, found.created_by)
    return able_to_receive(tx, identity_id)


def able_to_receive(tx: Transaction, identity_id: str) -> Identity:
    """The same for a right that a rule gives: whoever applies it may have created her. Raises NotFound, Conflict, Denied."""
    found = identities.identity(tx, identity_id)
    if found is None:
        raise NotFound("no such identity", code="iam.no-identity")
    if found.state is IdentityState.DELETED:
        raise Conflict("the identity is deleted", code="iam.identity-deleted")
    require_staff(tx, found.id)
    return found


def period(request: Any, to: Identity, now: Instant) -> Instant:
    """From when a grant holds: what was asked for, or now. Raises Invalid where role, scope, holder or time do not fit."""
    starts_at: Instant = request.starts_at if request.starts_at is not None else now
    check_grant(request.role, request.scope, to.kind, starts_at=starts_at, ends_at=request.ends_at, now=now)
    return starts_at

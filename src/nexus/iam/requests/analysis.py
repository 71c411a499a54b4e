"""Analysis of rights: what its operations take and return."""

from typing import Annotated

from msgspec import Meta

from nexus.iam.holdings import How
from nexus.iam.model import Purpose, Role
from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant


class WhoCan(Request, frozen=True, kw_only=True):
    """Who may do an action on a resource (`Type:id`, or `Platform`), by which grant, until when.

    Without `purpose`, for any purpose.
    """

    action: str
    resource: str
    purpose: Purpose | None = None
    after: str = ""
    limit: int = 100


class Holder(Result, frozen=True, kw_only=True):
    """One way in which one identity may do it. `conditions` must be met besides; `policies` are those that permit it."""

    identity: str
    name: str
    kind: str
    how: How
    role: str
    scope: str
    until: Instant | None
    purposes: tuple[str, ...]
    conditions: tuple[str, ...]
    policies: tuple[str, ...]
    grant: str


class Holders(Result, frozen=True, kw_only=True):
    """Who may do it. `approver`: the role whose holder, another person, has to approve it; empty if none has to."""

    action: str
    resource: str
    approver: str
    holders: tuple[Holder, ...]
    next: str | None


class WhatCan(Request, frozen=True, kw_only=True):
    """What a person or a machine may do, right by right."""

    person: str


class Power(Result, frozen=True, kw_only=True):
    """What one right gives within its scope. `held`: actions that wait for a second person; `conditions` apply besides."""

    role: str
    scope: str
    how: How
    until: Instant | None
    actions: tuple[str, ...]
    held: tuple[str, ...]
    conditions: tuple[str, ...]
    grant: str


class Powers(Result, frozen=True, kw_only=True):
    """What an identity may do. The last line is what everybody may do with what is his own."""

    identity: str
    name: str
    kind: str
    active: bool
    powers: tuple[Power, ...]


class Explain(Request, frozen=True, kw_only=True):
    """A decision that was made, by the id of its operation (`op_…`, in every answer and in the audit log)."""

    decision: str


class WhatIf(Request, frozen=True, kw_only=True):
    """A decision that nobody asked for: what would be decided now, or at the hour given.

    `by_key`: with an access key or a token instead of a session. `factor_minutes`: since a factor was proved.
    """

    actor: str
    action: str
    resource: str
    purpose: Purpose = Purpose.OPERATION
    zone: str = "outside"
    hour: Annotated[int, Meta(ge=0, le=23)] | None = None
    weekday: Annotated[int, Meta(ge=1, le=7)] | None = None
    factor_minutes: Annotated[int, Meta(ge=0, le=1_440)] = 0
    device: bool = False
    by_key: bool = False


class Fact(Result, frozen=True, kw_only=True):
    """Something that the decision saw."""

    fact: str
    value: str


class RightSeen(Result, frozen=True, kw_only=True):
    """A right that the actor held."""

    role: str
    scope: str
    how: How
    until: Instant
    grant: str


class Explanation(Result, frozen=True, kw_only=True):
    """Why something is, or was, allowed or denied.

    `permitted_by` and `forbidden_by` are the ids of the policies that spoke for it and against it; one that forbids wins.
    `unmet`: the conditions that alone stood in the way. `recorded`: what the log says of a past decision; `agrees`: whether
    the rights of then, under the policies of now, lead to the same.
    """

    decision: str
    at: Instant
    actor: str
    action: str
    resource: str
    purpose: str
    outcome: str
    recorded: str
    agrees: bool | None
    permitted_by: tuple[str, ...]
    forbidden_by: tuple[str, ...]
    unmet: tuple[str, ...]
    approver: str
    rights: tuple[RightSeen, ...]
    facts: tuple[Fact, ...]


class UnusedRights(Request, frozen=True, kw_only=True):
    """Rights that were held and not used for so many days; of one identity, or of all (`identity` empty)."""

    days: Annotated[int, Meta(ge=1, le=366)] = 90
    identity: str = ""
    after: str = ""
    limit: int = 100


class UnusedRight(Result, frozen=True, kw_only=True):
    """A right without a use. `last_used`: the day of the last one, if there ever was one."""

    grant: str
    identity: str
    role: Role
    scope: str
    granted_at: Instant
    ends_at: Instant
    last_used: Instant | None


class Unused(Result, frozen=True, kw_only=True):
    """Rights without a use. Uses are counted from `counted_since` on."""

    counted_since: Instant
    rights: tuple[UnusedRight, ...]
    next: str | None

"""The values of identity and authorisation: identities, rights, sessions, intents, and how their states may change."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from nexus.kernel.clock import DAY, HOUR, MINUTE, Instant
from nexus.kernel.operation import Actor
from nexus.kernel.secret import Secret

MAX_GRANT = 366 * DAY
"""A right lasts a year at most: whoever still needs it is looked at again (RG-40)."""
MAX_CREDENTIAL = 366 * DAY
"""An access key or a service token lasts a year at most."""
SESSION_ABSOLUTE = 12 * HOUR
"""A session ends this long after sign-in, whatever it does."""
SESSION_IDLE = 30 * MINUTE
"""A session ends after this long without a request."""
ENROLMENT_VALID = 3 * DAY
"""An enrolment code must be used within this time."""
APPROVAL_VALID = DAY
"""An intent expires this long after it was proposed."""
MAX_ELEVATION = 4 * HOUR
"""An elevation lasts this long at most; it is never extended, only opened anew."""
FRESH_FACTOR = 10 * MINUTE
"""A factor proved this long ago at most counts as fresh."""
MIN_OFFICERS = 2
"""Active persons in an approving role without whom nothing sensitive can be done."""
REQUEST_VALID = 14 * DAY
"""A request for a right waits this long for an answer."""
PLATFORM_SCOPE = "platform"


class Role(StrEnum):
    """The eleven roles. What each may do stands in `policy/*.cedar`; a patient is not a role."""

    PLATFORM_OPERATOR = "platform_operator"
    SECURITY_OFFICER = "security_officer"
    KEY_CUSTODIAN = "key_custodian"
    AUDITOR = "auditor"
    DATA_PROTECTION_OFFICER = "data_protection_officer"
    DATA_PROVIDER = "data_provider"
    DATA_STEWARD = "data_steward"
    RESEARCHER = "researcher"
    OUTPUT_CHECKER = "output_checker"
    CONSENT_DESK = "consent_desk"
    REIDENTIFICATION_DESK = "reidentification_desk"


PRIVILEGED_ROLES = frozenset(
    {
        Role.PLATFORM_OPERATOR,
        Role.SECURITY_OFFICER,
        Role.KEY_CUSTODIAN,
        Role.AUDITOR,
        Role.DATA_PROTECTION_OFFICER,
    }
)
"""Granted by four eyes only, and for the whole platform."""

MACHINE_ROLES = frozenset({Role.PLATFORM_OPERATOR, Role.AUDITOR, Role.DATA_PROVIDER, Role.RESEARCHER})
"""What a machine may hold: monitoring, log export, data in, computation. Nothing that gives rights or approves."""


class Purpose(StrEnum):
    """Why an operation is done. A closed list: an unknown purpose is refused."""

    OPERATION = "operation"
    CARE = "care"
    PUBLIC_HEALTH = "public-health"
    POLICY_MAKING = "policy-making"
    STATISTICS = "statistics"
    EDUCATION = "education"
    RESEARCH = "research"
    CARE_IMPROVEMENT = "care-improvement"
    QUALITY = "quality"
    SECURITY = "security"
    AUDIT = "audit"
    COMPLIANCE = "compliance"


SECONDARY_USE = frozenset(Purpose) - frozenset(
    {Purpose.OPERATION, Purpose.CARE, Purpose.SECURITY, Purpose.AUDIT, Purpose.COMPLIANCE}
)
"""The six purposes of EHDS article 53, and quality: every use of patients' data that is not their care."""


class Factor(StrEnum):
    """What a person proves to open a session. A passkey stands for two: the key, and what unlocks it."""

    PASSWORD = "password"  # noqa: S105 - a name
    TOTP = "totp"
    PASSKEY = "passkey"
    FEDERATED = "federated"
    """Whatever an outside issuer vouched for."""


PASSWORD_AND_CODE = frozenset({Factor.PASSWORD, Factor.TOTP})


class IdentityKind(StrEnum):
    """What an identity is."""

    PERSON = "person"
    MACHINE = "machine"


class IdentityState(StrEnum):
    """Where an identity stands; `IDENTITY_TRANSITIONS` says how it moves."""

    INVITED = "invited"
    """Created; the person has not chosen a password and a second factor yet."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    DELETED = "deleted"


IDENTITY_TRANSITIONS: Mapping[IdentityState, frozenset[IdentityState]] = {
    IdentityState.INVITED: frozenset({IdentityState.ACTIVE, IdentityState.SUSPENDED, IdentityState.DELETED}),
    IdentityState.ACTIVE: frozenset({IdentityState.INVITED, IdentityState.SUSPENDED, IdentityState.DELETED}),
    IdentityState.SUSPENDED: frozenset({IdentityState.INVITED, IdentityState.ACTIVE, IdentityState.DELETED}),
    IdentityState.DELETED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """What a decision needs to know of a person or a machine. `person` answers for it; a person answers for himself."""

    id: str
    kind: IdentityKind
    name: str
    state: IdentityState
    person: str
    created_by: str
    created_at: Instant


@dataclass(frozen=True, slots=True)
class Person:
    """A human being with an account. `login` and `email` are unique: one account a person."""

    id: str
    login: str
    name: str
    email: str
    state: IdentityState
    created_by: str
    created_at: Instant


@dataclass(frozen=True, slots=True)
class Machine:
    """A program with credentials of its own; `owner` is the person who answers for it."""

    id: str
    name: str
    owner: str
    state: IdentityState
    created_by: str
    created_at: Instant


@dataclass(frozen=True, slots=True)
class Grant:
    """A role within a scope, from `starts_at` until just before `ends_at`.

    A scope is `platform`, `site:<name>`, `project:<name>` or `bucket:<name>`.
    """

    id: str
    identity: str
    role: Role
    scope: str
    starts_at: Instant
    ends_at: Instant
    granted_by: str


class EligibilityKind(StrEnum):
    """What an eligible grant is for."""

    ELEVATION = "elevation"
    """The holder elevates it for a stated reason when the work needs it."""
    EMERGENCY = "emergency"
    """Break-glass: opened at once and alone, with an alarm and a review."""


class ElevationApproval(StrEnum):
    """Who agrees to an elevation of a privileged role. Roles of data work are elevated alone."""

    SECOND_PERSON = "second-person"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Eligibility:
    """A grant that gives nothing by itself: its holder, a person, may elevate it for a while."""

    id: str
    person: str
    role: Role
    scope: str
    kind: EligibilityKind
    approval: ElevationApproval
    starts_at: Instant
    ends_at: Instant
    granted_by: str
    suspended: bool


@dataclass(frozen=True, slots=True)
class Elevation:
    """A role held for a while through an eligible grant. `ends_at` is the planned end; `ended_at` an earlier one."""

    id: str
    eligibility: str
    person: str
    role: Role
    scope: str
    kind: EligibilityKind
    reason: str
    purpose: str
    session: str
    starts_at: Instant
    ends_at: Instant
    ended_at: Instant | None = None


class AccessRequestState(StrEnum):
    """Where a request for a right stands; it moves once, away from open."""

    OPEN = "open"
    GRANTED = "granted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class AccessRequest:
    """Somebody asks for a role within a scope until a date, for `identity`: himself or a machine of his."""

    id: str
    identity: str
    asked_by: str
    role: Role
    scope: str
    ends_at: Instant
    reason: str
    state: AccessRequestState
    asked_at: Instant
    expires_at: Instant
    decided_by: str | None = None
    decided_at: Instant | None = None
    answer: str = ""
    grant: str | None = None


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An S3 access key with its secret: what a door needs to verify a signature. `purpose` is that of its requests."""

    id: str
    secret: Secret
    actor: Actor
    purpose: str
    expires_at: Instant
    token_hash: bytes | None = None
    name: str = ""
    session: str | None = None
    """Of a temporary key: SHA-256 of its session token, what it was called, the session that it was derived from, if any."""


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in person at one client. Its token is known to that client only; we keep a hash."""

    id: str
    person: str
    origin: str
    client: str
    created_at: Instant
    last_used_at: Instant
    expires_at: Instant
    factors: frozenset[Factor]
    """What was proved in it, to open it and since."""
    proved_at: Instant
    """When the last factor was proved in it."""


class NoticeKind(StrEnum):
    """What a person is told of her own account."""

    NEW_DEVICE = "new_device"
    """Somebody signed in from a client that was not known."""
    NEW_DEVICE_CERTIFICATE = "new_device_certificate"
    """An officer let a device's certificate count for her."""
    REFUSED_CODE = "refused_code"
    """Somebody gave the right password and a wrong code."""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name, no password
    NEW_FACTORS = "new_factors"
    """A password and a second factor were chosen with an enrolment code."""
    NEW_PASSKEY = "new_passkey"
    PASSKEY_REMOVED = "passkey_removed"
    PASSKEY_CLONED = "passkey_cloned"
    LINKED = "linked"
    """An outside account was linked: whoever signs in there signs in here."""
    UNLINKED = "unlinked"
    """A passkey was suspended: its counter says that there is a copy of it."""
    PASSWORD_REMOVED = "password_removed"  # noqa: S105 - a name, no password
    RECOVERY = "recovery"
    """For security officers: somebody who lost a factor was given a new enrolment code."""
    RE_ENROLMENT = "re_enrolment"
    """Two others gave out a new enrolment code."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened to an account, `times` times from the same `origin` before the person saw it."""

    id: str
    person: str
    kind: NoticeKind
    origin: str
    first_at: Instant
    last_at: Instant
    times: int
    seen_at: Instant | None


@dataclass(frozen=True, slots=True)
class Founder:
    """One of the first persons, with the roles that the founding ceremony gives."""

    login: str
    name: str
    email: str
    roles: frozenset[Role]


class IntentState(StrEnum):
    """Where an intent stands; `INTENT_TRANSITIONS` says how it moves."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXECUTED = "executed"
    EXPIRED = "expired"


INTENT_TRANSITIONS: Mapping[IntentState, frozenset[IntentState]] = {
    IntentState.PROPOSED: frozenset({IntentState.APPROVED, IntentState.REJECTED, IntentState.EXPIRED}),
    IntentState.APPROVED: frozenset({IntentState.EXECUTED, IntentState.REJECTED, IntentState.EXPIRED}),
    IntentState.REJECTED: frozenset(),
    IntentState.EXECUTED: frozenset(),
    IntentState.EXPIRED: frozenset(),
}


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One person's agreement to the exact content of an intent."""

    person: str
    at: Instant


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A sensitive operation that waits for a second person. Approvals bind to `digest`, and so to every byte."""

    id: str
    operation: str
    sentence: str
    """What will happen, in words, for those who approve."""
    resource: str
    """`Type:id` of what is acted on."""
    request: str
    """The exact canonical JSON that will run."""
    digest: str
    """SHA-256 (hex) over operation, resource and request."""
    requester: str
    """Identity that proposed it."""
    requester_person: str
    """The person who answers for the requester; never one of the approvers."""
    approver_role: Role
    approvals_needed: int
    approvals: tuple[Approval, ...]
    state: IntentState
    proposed_at: Instant
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class Claimed:
    """The exact operation that was approved: the name of its spec and its canonical JSON request."""

    spec_name: str
    request_json: bytes

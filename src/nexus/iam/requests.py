"""What the operations take and return.

In JSON an `Instant` is an RFC 3339 string and a `Secret` a string; what is marked «shown once» is never shown again.
"""

import msgspec

from nexus.iam.model import Intent, IntentState, Purpose, Role
from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller sends: unknown fields are refused, so that a misspelt limit is never ignored."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller receives."""


class Nothing(Request, frozen=True, kw_only=True):
    """An operation that takes nothing."""


class ById(Request, frozen=True, kw_only=True):
    """Names one thing."""

    id: str


class Page(Request, frozen=True, kw_only=True):
    """A part of a list, in order of creation: `after` is the id of the last row of the part before."""

    after: str = ""
    limit: int = 100


class OfIdentity(Request, frozen=True, kw_only=True):
    """Everything that belongs to one identity."""

    identity: str


# Enrolment and sessions


class StartEnrolment(Request, frozen=True, kw_only=True):
    """First half of enrolment: the one-time code and the password that the person chooses."""

    login: str
    code: Secret
    password: Secret


class Enrolling(Result, frozen=True, kw_only=True):
    """The second factor to store in an authenticator application; shown once."""

    otpauth_uri: Secret


class ConfirmEnrolment(Request, frozen=True, kw_only=True):
    """Second half of enrolment: a code from the authenticator proves that the second factor is in place."""

    login: str
    code: Secret
    totp: Secret


class Enrolled(Result, frozen=True, kw_only=True):
    """The person who is active from now on."""

    person: str


class SignIn(Request, frozen=True, kw_only=True):
    """`device` is the device token that an earlier sign-in of this client returned, if any."""

    login: str
    password: Secret
    totp: Secret
    device: Secret | None = None


class SignedIn(Result, frozen=True, kw_only=True):
    """`token` and `device` are shown once. The token works from this client (address and User-Agent) only."""

    token: Secret
    device: Secret
    session: str
    person: str
    expires_at: Instant


class SessionView(Result, frozen=True, kw_only=True):
    """An open session, without its token."""

    id: str
    person: str
    origin: str
    client: str
    created_at: Instant
    last_used_at: Instant
    expires_at: Instant


class Sessions(Result, frozen=True, kw_only=True):
    """Open sessions."""

    sessions: tuple[SessionView, ...]


class ChangePassword(Request, frozen=True, kw_only=True):
    """A new password for oneself, under the present one and a fresh code. Every other session ends."""

    identity: str
    password: Secret
    new_password: Secret
    totp: Secret


# Persons


class CreatePerson(Request, frozen=True, kw_only=True):
    """`login`: 3 to 64 of a-z 0-9 . _ -; `email`: one account a person, so it must not be in use."""

    login: str
    name: str
    email: str


class Invitation(Result, frozen=True, kw_only=True):
    """`code` is the one-time enrolment code; shown once, for the person only."""

    person: str
    code: Secret
    expires_at: Instant


class PersonView(Result, frozen=True, kw_only=True):
    """A person."""

    id: str
    login: str
    name: str
    email: str
    state: str
    created_by: str
    created_at: Instant


class Persons(Result, frozen=True, kw_only=True):
    """A part of the list of persons."""

    persons: tuple[PersonView, ...]


# Machines and credentials


class CreateMachine(Request, frozen=True, kw_only=True):
    """`owner` is the person who answers for the machine and alone creates its credentials."""

    name: str
    owner: str


class MachineView(Result, frozen=True, kw_only=True):
    """A machine; `owner` answers for it."""

    id: str
    name: str
    owner: str
    state: str
    created_by: str
    created_at: Instant


class Machines(Result, frozen=True, kw_only=True):
    """A part of the list of machines."""

    machines: tuple[MachineView, ...]


class CreateAccessKey(Request, frozen=True, kw_only=True):
    """An S3 access key for oneself or for a machine that one owns. `purpose` is that of every request made with it."""

    identity: str
    purpose: Purpose
    expires_at: Instant


class NewAccessKey(Result, frozen=True, kw_only=True):
    """`secret` is shown once."""

    id: str
    secret: Secret
    identity: str
    purpose: Purpose
    expires_at: Instant


class AccessKeyView(Result, frozen=True, kw_only=True):
    """An access key, without its secret."""

    id: str
    identity: str
    purpose: str
    created_at: Instant
    expires_at: Instant
    revoked: bool


class AccessKeys(Result, frozen=True, kw_only=True):
    """The access keys of an identity."""

    access_keys: tuple[AccessKeyView, ...]


class CreateToken(Request, frozen=True, kw_only=True):
    """A service token (REST) for oneself or for a machine that one owns."""

    identity: str
    label: str
    expires_at: Instant


class NewToken(Result, frozen=True, kw_only=True):
    """`token` is shown once."""

    id: str
    token: Secret
    identity: str
    expires_at: Instant


class TokenView(Result, frozen=True, kw_only=True):
    """A service token, without the token itself."""

    id: str
    identity: str
    label: str
    created_at: Instant
    expires_at: Instant
    revoked: bool


class Tokens(Result, frozen=True, kw_only=True):
    """The service tokens of an identity."""

    tokens: tuple[TokenView, ...]


# Rights


class GrantRole(Request, frozen=True, kw_only=True):
    """`scope`: platform, site:<name>, project:<name> or bucket:<name>. No `starts_at`: from now on."""

    identity: str
    role: Role
    scope: str
    ends_at: Instant
    starts_at: Instant | None = None


class GrantView(Result, frozen=True, kw_only=True):
    """A right: a role within a scope, from `starts_at` until just before `ends_at`."""

    id: str
    identity: str
    role: Role
    scope: str
    starts_at: Instant
    ends_at: Instant
    granted_by: str


class Me(Result, frozen=True, kw_only=True):
    """Who one is, with what one may hold now."""

    id: str
    kind: str
    name: str
    session: str | None
    grants: tuple[GrantView, ...]


class ListGrants(Request, frozen=True, kw_only=True):
    """The rights of one identity, or of all (`identity` empty)."""

    identity: str = ""
    after: str = ""
    limit: int = 100


class Grants(Result, frozen=True, kw_only=True):
    """Rights."""

    grants: tuple[GrantView, ...]


# Four eyes


class Approve(Request, frozen=True, kw_only=True):
    """`digest` is the digest of what the approver has read: nothing else can be approved by it."""

    id: str
    digest: str


class ListIntents(Request, frozen=True, kw_only=True):
    """Intents in a state, in order of proposal."""

    state: IntentState = IntentState.PROPOSED
    after: str = ""
    limit: int = 100


class Intents(Result, frozen=True, kw_only=True):
    """Intents."""

    intents: tuple[Intent, ...]

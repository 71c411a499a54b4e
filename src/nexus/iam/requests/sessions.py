"""Enrolment, sessions and passwords: what their operations take and return."""

from nexus.iam.model import Factor
from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret


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
    notices: int = 0
    """How many notices of her account the person has not seen (`iam.notice.list`)."""


class SessionView(Result, frozen=True, kw_only=True):
    """An open session, without its token; `proved_at` is when the last factor was proved in it."""

    id: str
    person: str
    origin: str
    client: str
    created_at: Instant
    last_used_at: Instant
    expires_at: Instant
    factors: tuple[Factor, ...]
    proved_at: Instant


class Sessions(Result, frozen=True, kw_only=True):
    """Open sessions."""

    sessions: tuple[SessionView, ...]


class ChangePassword(Request, frozen=True, kw_only=True):
    """A new password for oneself, under the present one and a fresh code. Every other session ends."""

    identity: str
    password: Secret
    new_password: Secret
    totp: Secret

"""Machines and credentials: what their operations take and return."""

from nexus.iam.model import Purpose
from nexus.iam.requests.forms import Request, Result
from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret


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

"""Machines and credentials: what their operations take and return."""

from typing import Annotated

from msgspec import Meta

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
    """An S3 access key for oneself or for a machine that one owns. `purpose` is that of every request made with it.

    The lists narrow it: what is not named is refused, whatever its identity may. An empty list takes nothing away.
    `only_actions` are actions on buckets, `only_networks` such as 10.1.0.0/16; without `only_purposes`, a request may name
    another purpose than the key's. `only_prefixes` are `bucket/beginning`, such as scans/2026/: only objects whose names begin
    so, and listings of nothing else.
    """

    identity: str
    purpose: Purpose
    expires_at: Instant
    only_actions: tuple[str, ...] = ()
    only_buckets: tuple[str, ...] = ()
    only_networks: tuple[str, ...] = ()
    only_purposes: tuple[Purpose, ...] = ()
    only_prefixes: tuple[str, ...] = ()


class RotateAccessKey(Request, frozen=True, kw_only=True):
    """A new access key in the place of one: for the same identity and purpose, narrowed alike.

    The former one ends after `overlap_minutes`: a day at most, and at once with 0.
    """

    id: str
    expires_at: Instant
    overlap_minutes: Annotated[int, Meta(ge=0, le=1_440)] = 60


class NewAccessKey(Result, frozen=True, kw_only=True):
    """`secret` is shown once."""

    id: str
    secret: Secret
    identity: str
    purpose: Purpose
    expires_at: Instant


class AccessKeyView(Result, frozen=True, kw_only=True):
    """An access key, without its secret, and what is left of its identity's rights. `follows`: the key before it."""

    id: str
    identity: str
    purpose: str
    created_at: Instant
    expires_at: Instant
    revoked: bool
    only_actions: tuple[str, ...] = ()
    only_buckets: tuple[str, ...] = ()
    only_networks: tuple[str, ...] = ()
    only_purposes: tuple[str, ...] = ()
    only_prefixes: tuple[str, ...] = ()
    follows: str | None = None


class AccessKeys(Result, frozen=True, kw_only=True):
    """The access keys of an identity."""

    access_keys: tuple[AccessKeyView, ...]


class CreateTemporaryKey(Request, frozen=True, kw_only=True):
    """A temporary access key of one's own, derived from the session one is signed in with, and ended with it.

    `identity` is oneself. `role` leaves the key one role of those that one holds (`researcher`, `researcher@project:alpha`).
    """

    identity: str
    purpose: Purpose
    minutes: Annotated[int, Meta(ge=15, le=720)] = 60
    role: str = ""
    label: str = ""


class NewTemporaryKey(Result, frozen=True, kw_only=True):
    """`secret` and `session_token` are shown once; every request carries the token (`AWS_SESSION_TOKEN`)."""

    id: str
    secret: Secret
    session_token: Secret
    identity: str
    purpose: Purpose
    expires_at: Instant


class TemporaryKeyView(Result, frozen=True, kw_only=True):
    """A temporary access key. `parent`: the access key or the session that it was derived from, and ends with."""

    id: str
    identity: str
    parent: str
    purpose: str
    label: str
    role: str
    created_at: Instant
    expires_at: Instant
    revoked: bool


class TemporaryKeys(Result, frozen=True, kw_only=True):
    """The temporary access keys of an identity that have not reached their end."""

    temporary_keys: tuple[TemporaryKeyView, ...]


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

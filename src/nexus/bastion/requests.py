"""What the operations of the bastion take and return."""

from typing import Annotated

import msgspec

from nexus.bastion.model import End
from nexus.kernel.clock import Instant

MAX_PAGE = 1_000
MAX_REASON_CHARS = 200


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller sends."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller receives."""


class Nothing(Request, frozen=True, kw_only=True):
    """An operation that takes nothing."""


class IssueCertificate(Request, frozen=True, kw_only=True):
    """Ask for a certificate. `public_key` is one line as in a `.pub` file; the private half stays with you."""

    public_key: str


class BastionHost(Result, frozen=True, kw_only=True):
    """Where the bastion listens and how it is known. `authorities` sign the certificates of users."""

    host: str
    port: int
    host_key: str
    """`ssh-ed25519 AAAA…`."""
    fingerprint: str
    """`SHA256:…`, as `ssh` shows it."""
    known_hosts: str
    """A line for `known_hosts`."""
    authorities: tuple[str, ...]


class IssuedCertificate(Result, frozen=True, kw_only=True):
    """A certificate for one session, and the door that it opens. Not secret: useless without the private key."""

    certificate: str
    """The line of a `-cert.pub` file."""
    login: str
    """The user name to connect with."""
    serial: str
    valid_until: Instant
    bastion: BastionHost


class ListSessions(Request, frozen=True, kw_only=True):
    """A part of the list, newest first: `before` is the id of the last row of the part before."""

    before: str = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = 100


class ById(Request, frozen=True, kw_only=True):
    """Names one session."""

    id: str


class CutSession(Request, frozen=True, kw_only=True):
    """End a session at once. `reason` goes into the audit log."""

    id: str
    reason: Annotated[str, msgspec.Meta(max_length=MAX_REASON_CHARS)] = ""


class ReadRecording(Request, frozen=True, kw_only=True):
    """A part of a recording: `after` is `next` of the part before, 0 at the beginning."""

    id: str
    after: Annotated[int, msgspec.Meta(ge=0)] = 0


class SessionView(Result, frozen=True, kw_only=True):
    """One session. `command` is empty for a shell; `end` is None while it is open.

    `erased_at`: when its recording was erased, because it had been kept long enough.
    """

    id: str
    person: str
    login: str
    origin: str
    command: str
    started_at: Instant
    ended_at: Instant | None
    end: End | None
    chunks: int
    bytes: int
    erased_at: Instant | None


class Sessions(Result, frozen=True, kw_only=True):
    """Sessions, newest first."""

    sessions: tuple[SessionView, ...]


class Excerpt(Result, frozen=True, kw_only=True):
    """Whole lines of an asciicast v3 recording (the first of all is its header), from where the part before ended.

    `open`: the session goes on, and more will come. `more`: more is there already.
    """

    cast: str
    next: int
    more: bool
    open: bool


class Fault(Result, frozen=True, kw_only=True):
    """One thing that is not as it was recorded. `chunk` is None where it is not one chunk."""

    code: str
    chunk: int | None
    message: str


class RecordingCheck(Result, frozen=True, kw_only=True):
    """How a recording compares with the audit log. `faults`: the first ones, in order."""

    sound: bool
    open: bool
    chunks: int
    """Chunks in the file that are as the log says."""
    logged: int
    """Chunks that the log names."""
    first_entry: int | None
    """Index in the audit log of the entry of the first chunk, and of the last: for `audit entry prove`."""
    last_entry: int | None
    faults: tuple[Fault, ...]

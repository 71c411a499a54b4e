"""What the bastion speaks of: sessions, how they end, and every limit, with its unit."""

from dataclasses import dataclass
from enum import StrEnum

from nexus.kernel.clock import MINUTE, Instant
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Resource

CERTIFICATE_VALID = 5 * MINUTE
"""A certificate is worthless this long after it was asked for, used or not."""
CERTIFICATE_BACKDATE_S = 30
"""Seconds before now from which a certificate is valid: clients' clocks are not ours."""
LOGIN_GRACE_S = 10
"""Seconds in which a connection must have proved who it is."""
MAX_CONNECTIONS = 64
"""Connections at the same time, those without a session yet included."""
MAX_CONNECTIONS_OF_ADDRESS = 8
CONNECTIONS_PER_MINUTE = 20
"""New connections of one address in a minute; more are closed before a byte is exchanged."""
MAX_OFFERS = 6
"""Keys that a connection may offer before it is closed."""
CHUNK_BYTES = 65_536
"""Longest chunk of a recording before it is sealed."""
CHUNK_S = 1.0
"""Longest time before what happened is in the recording and in the log."""
MAX_RECORDING_BYTES = 1 << 30
"""A session whose recording grows beyond this ends: an endless output must not fill the disk that the log lives on."""
STANDING_S = 0.5
"""How often an open session's right to be open is looked at."""
MAX_COLUMNS, MAX_ROWS = 1_000, 500
"""The largest terminal; larger windows are taken for this size."""
MAX_COMMAND_CHARS = 8_192
MAX_TERM_CHARS = 64

OPEN = "bastion.session.open"
"""The action that the gate is asked about: at the issue of a certificate, at the door, and while a session is open."""
RECORD = "bastion.session.record"
CLOSE = "bastion.session.close"
WATCH = "bastion.session.watch"
ERASE = "bastion.recording.erase"


class End(StrEnum):
    """Why a session ended."""

    FINISHED = "finished"
    """The shell or the command ended by itself."""
    DISCONNECTED = "disconnected"
    """The client is gone."""
    IDLE = "idle"
    """Nobody typed for as long as the setting allows."""
    RIGHT_ENDED = "right-ended"
    """The elevation ended or was taken away, the person was suspended, or the sign-in was ended."""
    CUT = "cut"
    """A second person cut it."""
    SEALED = "sealed"
    """The platform was sealed, or the key service lost."""
    UNRECORDED = "unrecorded"
    """The log or the recording could not be written."""
    FULL = "full"
    """The recording reached its longest length."""
    STOPPED = "stopped"
    """The platform stops."""
    LOST = "lost"
    """The bastion died; noticed when it started again."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose session it is: a person, by her login, in one of her sign-ins."""

    person: str
    login: str
    sign_in: str


@dataclass(frozen=True, slots=True)
class ShellSession:
    """One shell or one command. `chunks` and `size` (bytes, sealed) are what the recording holds so far."""

    id: str
    holder: Holder
    origin: str
    command: str
    """Empty for a shell."""
    started_at: Instant
    ended_at: Instant | None
    end: End | None
    chunks: int
    size: int
    sealed_key: bytes
    """Key of the recording, sealed to the audit log's public key. Empty once the recording was erased."""
    erased_at: Instant | None = None

    @property
    def is_open(self) -> bool:
        return self.end is None


def new_session_id() -> str:
    """A fresh id of a session."""
    return new_id("bas")


def session_resource(session_id: str) -> Resource:
    """A session as the log names it."""
    return Resource("Recording", session_id)

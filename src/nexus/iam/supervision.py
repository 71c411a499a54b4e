"""The values of supervision: what people look at and judge, what alarms tell, and what a directory of people brings."""

from dataclasses import dataclass
from enum import StrEnum

from nexus.iam.model import IdentityState, Role
from nexus.kernel.clock import DAY, HOUR, Instant

MAX_BREAK_GLASS = HOUR
"""An emergency access lasts this long at most."""
REVIEW_BREAK_GLASS = 3 * DAY
"""A use of break-glass is reviewed within this time, or the emergency grants of its user are suspended."""
REVIEW_EVERY = 365 * DAY
"""A review of every right and credential is opened this long after the last one."""
REVIEW_DAYS = 30
"""Days that the yearly review takes."""
SUSPENSION_KEPT = 30 * DAY
"""What a review suspended may be given back for this time; then it is deleted."""
EMERGENCY_ROLES = frozenset({Role.DATA_PROVIDER, Role.RESEARCHER, Role.OUTPUT_CHECKER})
"""What break-glass may open: roles that read or bring data. None that gives rights (data stewards do) or rules keys."""
DIRECTORY_ROLES = frozenset({Role.DATA_PROVIDER, Role.RESEARCHER, Role.OUTPUT_CHECKER})
"""What membership in a group of a directory may give. None that gives rights or is privileged."""


class Verdict(StrEnum):
    """What a reviewer says of a use of break-glass."""

    NONE = "none"
    """Nobody has reviewed it yet."""
    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"


class AlarmKind(StrEnum):
    """What an alarm tells of."""

    BREAK_GLASS = "break-glass"
    """Somebody opened an emergency access."""
    BREAK_GLASS_OVERDUE = "break-glass-overdue"
    """Nobody reviewed it in time: the emergency grants of its user are suspended."""
    MAIL_GIVEN_UP = "mail-given-up"
    """A message to somebody could not be sent, and will not be."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that people must hear of now. It holds ids and names nobody; `position` orders alarms."""

    position: int
    id: str
    kind: AlarmKind
    person: str
    about: str
    at: Instant


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    """What membership in a group of the hospital's directory gives."""

    id: str
    name: str
    role: Role
    scope: str
    ends_at: Instant


@dataclass(frozen=True, slots=True)
class DirectoryPerson:
    """A person as a directory sees her; `stopped`: a directory suspended her."""

    id: str
    login: str
    name: str
    email: str
    state: IdentityState
    external_id: str | None
    created_at: Instant
    changed_at: Instant
    stopped: bool


class ItemKind(StrEnum):
    """What an item of a review is about."""

    GRANT = "grant"
    ELIGIBILITY = "eligibility"
    ACCESS_KEY = "access-key"
    TOKEN = "token"  # noqa: S105 - a name


class ItemVerdict(StrEnum):
    """What became of an item of a review."""

    NONE = "none"
    RENEWED = "renewed"
    ENDED = "ended"
    SUSPENDED = "suspended"
    """Nobody judged it in time."""
    DELETED = "deleted"
    """Nobody restored it either."""


@dataclass(frozen=True, slots=True)
class Review:
    """A campaign over every right and credential."""

    id: str
    opened_by: str
    opened_at: Instant
    deadline: Instant
    closed_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A right or credential under review; `role` and `scope` are empty for credentials."""

    id: str
    review: str
    kind: ItemKind
    subject: str
    identity: str
    person: str
    role: str
    scope: str
    last_used_at: Instant | None
    verdict: ItemVerdict
    decided_by: str | None
    decided_at: Instant | None

"""What is kept of notices."""

from dataclasses import dataclass
from enum import StrEnum

from nexus.kernel.clock import Instant


class Wish(StrEnum):
    """How often an account wishes to hear."""

    NEVER = "never"
    AT_ONCE = "at-once"
    DAILY = "daily"
    WEEKLY = "weekly"


@dataclass(frozen=True, slots=True)
class Choice:
    """What an account chose. `address` is sealed to the worker, `hint` to the doors; `since`: the first place that counts.

    `due_at`: when what was counted is told; None while there is nothing. `failed_at`: when a message was given up.
    """

    account: str
    wish: Wish
    refused: bool
    address: bytes
    hint: bytes
    since: int
    sent_at: Instant
    due_at: Instant | None = None
    failed_at: Instant | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """A code that waits to be typed. `sent` codes went out since `sent_since`; an empty `code` is none."""

    account: str
    code: bytes
    address: bytes
    hint: bytes
    ends_at: Instant
    tries: int
    sent: int
    sent_since: Instant


@dataclass(frozen=True, slots=True)
class Seen:
    """An entry of the log that patients are told of. `urgent`: an emergency access."""

    place: int
    subject: str
    refused: bool
    urgent: bool

"""What the portal's own operations take and return."""

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from nexus.kernel.clock import Instant
from nexus.kernel.operation import Outcome
from nexus.kernel.secret import Secret
from nexus.portal.notices.model import Wish

MAX_PAGE: Final = 100
SubjectId = Annotated[str, Meta(min_length=1, max_length=64)]
Place = Annotated[int, Meta(ge=0)]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller sends."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller receives."""


class Kind(StrEnum):
    """Kinds of entries in a patient's history."""

    DATA = "data"
    """Reads and changes of data, allowed or refused."""
    CHOICES = "choices"
    """What was decided, by the patient or for him."""
    FILE = "file"
    """Whatever else was done with the file: who looked at decisions, who made a letter."""


class OwnAccesses(Request, frozen=True, kw_only=True):
    """A page of a subject's history, newest first. `until` is not included. `before`: `next` of the page before."""

    subject: SubjectId
    kind: Kind = Kind.DATA
    since: Instant | None = None
    until: Instant | None = None
    purpose: Annotated[str, Meta(max_length=64)] = ""
    outcome: Outcome | None = None
    before: Place | None = None
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 25


class AccessView(Result, frozen=True, kw_only=True):
    """One entry, as the patient sees it. `index` is its place in the log, by which it is proved."""

    index: int
    operation: str
    at: str
    kind: Kind
    action: str
    outcome: Outcome
    purpose: str
    actor: str
    actor_kind: str
    name: str
    """Who it was; empty for programs that have no name."""
    site: str
    project: str
    bucket: str
    break_glass: bool
    reason: str
    """Why it was allowed or refused: a word of `consent.model.Reason`, or an id of the decision."""
    door: str
    shared: bool
    """Whether it was about many patients at once, this one among them."""


class Accesses(Result, frozen=True, kw_only=True):
    """A page of a subject's history."""

    entries: tuple[AccessView, ...]
    next: int | None
    complete: bool
    """Whether every key was at hand: uses of data that are shared with others may be missing while one is disabled."""


class OwnProof(Request, frozen=True, kw_only=True):
    """One entry of a subject's history."""

    subject: SubjectId
    index: Place


class OwnReceipt(Result, frozen=True, kw_only=True):
    """A receipt (docs/formats/receipt.md), and the log's public keys that it is checked against."""

    index: int
    entry: AccessView
    text: str
    checkpoint_size: int
    witnessed: bool
    origin: str
    keys: tuple[str, ...]


class OwnNotices(Request, frozen=True, kw_only=True):
    """What this account wishes to be told by mail."""


class GiveAddress(Request, frozen=True, kw_only=True):
    """An address for notices. It counts once the code that is sent to it was typed."""

    mailbox: Annotated[str, Meta(min_length=3, max_length=254)]


class ConfirmAddress(Request, frozen=True, kw_only=True):
    """The code that came by mail."""

    code: Secret


class ChooseNotices(Request, frozen=True, kw_only=True):
    """How often this account wishes to hear of uses, and whether refused attempts count too."""

    wish: Wish
    refused: bool = False


class StopNotices(Request, frozen=True, kw_only=True):
    """No notices any more, and the address forgotten."""


class NoticesView(Result, frozen=True, kw_only=True):
    """What this account chose. Of an address, no more is shown than its owner needs to know it again."""

    wish: Wish
    refused: bool
    mailbox: str
    """The address that was confirmed, in part; empty if there is none."""
    unconfirmed: str
    """The address whose code waits to be typed."""
    code_ends_at: Instant | None
    failed_at: Instant | None
    """When a message to the address was given up last."""
    sends: bool
    """Whether this installation sends mail at all."""


class CreateEnrolment(Request, frozen=True, kw_only=True):
    """A code for a letter. For the subject's own account; or, where `oneself` is false, for somebody who is going to decide for him."""

    subject: SubjectId
    birth_date: Secret
    """Of whoever opens the letter, as `1958-03-14`: asked for together with the code."""
    oneself: bool = True
    letter: bool = False
    """Whether the letter comes along, ready to print."""


class Enrolment(Result, frozen=True, kw_only=True):
    """The code is shown once."""

    account: str
    code: Secret
    expires_at: Instant
    address: str
    """Where the letter sends to."""
    letter: bytes | None
    """The letter, as a PDF."""

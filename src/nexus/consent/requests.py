"""What the operations of consent take and return."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from nexus.consent.model import (
    MAX_NAMES,
    MAX_PROVISIONS,
    Capacity,
    DecisionKind,
    Extent,
    Provision,
    Reason,
    Scan,
    Status,
)
from nexus.iam.model import Purpose
from nexus.kernel.clock import Instant

MAX_REFERENCE_CHARS: Final = 128
MAX_KEY_CHARS: Final = 64
MAX_PAGE: Final = 1_000

SubjectId = Annotated[str, Meta(min_length=1, max_length=64)]
DecisionId = Annotated[str, Meta(min_length=1, max_length=64)]
Account = Annotated[str, Meta(min_length=1, max_length=64)]
Site = Annotated[str, Meta(min_length=1, max_length=63)]
Key = Annotated[str, Meta(max_length=MAX_KEY_CHARS)]
Provisions = Annotated[tuple[Provision, ...], Meta(max_length=MAX_PROVISIONS)]
Version = Annotated[int, Meta(ge=0)]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller sends."""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a caller receives."""


class RegisterSubject(Request, frozen=True, kw_only=True):
    """A patient of a site, by the reference that the site knows him by (its permanent patient number)."""

    site: Site
    reference: Annotated[str, Meta(min_length=1, max_length=MAX_REFERENCE_CHARS)]
    born: date | None = None
    """Date of birth; needed of minors, for whom a guardian decides until majority, and of nobody else."""


class FindSubject(Request, frozen=True, kw_only=True):
    """A patient of a site, by his reference there."""

    site: Site
    reference: Annotated[str, Meta(min_length=1, max_length=MAX_REFERENCE_CHARS)]


class HolderView(Result, frozen=True, kw_only=True):
    """Who decides for a subject."""

    account: str
    capacity: Capacity
    starts_at: Instant
    until: Instant | None


class BySubject(Request, frozen=True, kw_only=True):
    """Names one subject."""

    subject: SubjectId


class SubjectView(Result, frozen=True, kw_only=True):
    """A subject. `version` counts his decisions: a form that was filled in for another version is refused."""

    subject: str
    site: str
    version: int
    minor: bool
    registered_at: Instant


class Decide(Request, frozen=True, kw_only=True):
    """What is permitted and denied from now on.

    `replaces` names decisions in force that this one stands in place of; what is not named goes on, and a denial wins.
    """

    subject: SubjectId
    version: Version
    """The subject's version that the form was filled in for."""
    provisions: Provisions = ()
    replaces: Annotated[tuple[DecisionId, ...], Meta(max_length=MAX_NAMES)] = ()
    key: Key = ""
    """Chosen by the caller: the same request sent again under it is one decision."""


class Withdraw(Request, frozen=True, kw_only=True):
    """Take back what a decision permits, at once and whatever has happened since. Its denials stay."""

    subject: SubjectId
    decision: DecisionId
    key: Key = ""


class Object(Request, frozen=True, kw_only=True):
    """Object to every secondary use, at once; no reason is asked."""

    subject: SubjectId
    key: Key = ""


class LiftObjection(Request, frozen=True, kw_only=True):
    """Take the general objection back. What was permitted and denied before holds again."""

    subject: SubjectId
    version: Version
    key: Key = ""


class DecisionView(Result, frozen=True, kw_only=True):
    """One decision of a subject's history. `version`: the subject's after it."""

    id: str
    subject: str
    version: int
    kind: DecisionKind
    status: Status
    provisions: tuple[Provision, ...]
    about: tuple[str, ...]
    capacity: Capacity
    account: str
    recorded_by: str
    decided_at: Instant
    recorded_at: Instant
    approval: str | None
    scan: Scan | None = None
    reason: str = ""


# Read


class Nothing(Request, frozen=True, kw_only=True):
    """An operation that takes nothing."""


class ReadDecisions(Request, frozen=True, kw_only=True):
    """One subject's decisions. `project` and `recipient`: for whom the permissions are worked out; empty: for anybody."""

    subject: SubjectId
    project: Annotated[str, Meta(max_length=63)] = ""
    recipient: Annotated[str, Meta(max_length=63)] = ""
    before: Annotated[int, Meta(ge=0)] = 0
    """Show older decisions than this version; 0: the newest."""
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 100


class PermissionView(Result, frozen=True, kw_only=True):
    """What is allowed now for one purpose, of data about which nothing is known: what is doubtful is refused."""

    purpose: Purpose
    allowed: bool
    reason: Reason
    decision: str | None
    extent: Extent
    """How far it is allowed of data about which all is known. Left aside: the general objection, and whole kinds of data and projects
    that the patient has taken out of every secondary use."""


class Decisions(Result, frozen=True, kw_only=True):
    """A subject's decisions. `history`: newest first; `next` is `before` of the following, older page, 0 at the end."""

    subject: SubjectView
    objection: bool
    permissions: tuple[PermissionView, ...]
    in_force: tuple[DecisionView, ...]
    history: tuple[DecisionView, ...]
    next: int
    holders: tuple[HolderView, ...]


class ReceiptForm(StrEnum):
    """What a receipt is for: a machine that verifies it, or a folder at home."""

    JSON = "json"
    PDF = "pdf"


class Tongue(StrEnum):
    """Of a receipt."""

    FRENCH = "fr"
    ENGLISH = "en"


class GetReceipt(Request, frozen=True, kw_only=True):
    """The receipt of one decision."""

    subject: SubjectId
    decision: DecisionId
    form: ReceiptForm = ReceiptForm.JSON
    language: Tongue = Tongue.FRENCH


class ReceiptFile(Result, frozen=True, kw_only=True):
    """A file. The PDF carries the JSON as an attachment."""

    name: str
    media_type: str
    content: bytes


class OwnSubject(Result, frozen=True, kw_only=True):
    """A subject for whom the account decides."""

    subject: str
    site: str
    capacity: Capacity
    until: Instant | None
    minor: bool


class OwnSubjects(Result, frozen=True, kw_only=True):
    """Everybody for whom the account decides now."""

    subjects: tuple[OwnSubject, ...]


# Professionals


class RecordDecision(Request, frozen=True, kw_only=True):
    """What was decided on paper or said at the desk. What gives something (permissions, a lifting) needs the signed paper."""

    subject: SubjectId
    kind: DecisionKind
    capacity: Capacity
    """In which quality the person decided who signed."""
    decided_at: Instant
    version: Version = 0
    """The subject's version that the form was filled in for; a withdrawal and an objection need none."""
    provisions: Provisions = ()
    about: Annotated[tuple[DecisionId, ...], Meta(max_length=MAX_NAMES)] = ()
    """Decisions that it withdraws or replaces."""
    scan: Scan | None = None
    key: Key = ""


class CorrectDecision(Request, frozen=True, kw_only=True):
    """A record that is wrong, and what stands in its place. Without provisions it is struck out."""

    decision: DecisionId
    provisions: Provisions = ()
    reason: Annotated[str, Meta(min_length=10, max_length=500)]
    """For the log and the second person; it names nobody."""
    scan: Scan | None = None


class ListWithdrawals(Request, frozen=True, kw_only=True):
    """Withdrawals and objections of a site, in the order of their commits. `site` may be empty for those who see all."""

    site: Annotated[str, Meta(max_length=63)] = ""
    since: Instant | None = None
    after: Annotated[int, Meta(ge=0)] = 0
    """`next` of the page before."""
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = 100


class WithdrawalView(Result, frozen=True, kw_only=True):
    """Something that was taken back."""

    change: int
    decision: str
    subject: str
    kind: DecisionKind
    about: tuple[str, ...]
    recorded_at: Instant


class Withdrawals(Result, frozen=True, kw_only=True):
    """One page. `next`: where the following begins; 0 after the last."""

    withdrawals: tuple[WithdrawalView, ...]
    next: int


class ExportFormat(StrEnum):
    """How a register is written."""

    CSV = "csv"
    JSONL = "jsonl"


class ExportRegister(Request, frozen=True, kw_only=True):
    """A page of the register of a site: every decision, in the order of their commits."""

    site: Annotated[str, Meta(max_length=63)] = ""
    format: ExportFormat = ExportFormat.JSONL
    after: Annotated[int, Meta(ge=0)] = 0
    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE)] = MAX_PAGE


class RegisterPage(Result, frozen=True, kw_only=True):
    """`text`: lines of the chosen format; the first page of a CSV begins with its header. `next`: 0 after the last page."""

    text: str
    rows: int
    next: int


class AppointRepresentative(Request, frozen=True, kw_only=True):
    """A patient's account decides for another subject: as guardian of a minor or as representative of an adult."""

    subject: SubjectId
    account: Account
    capacity: Capacity
    until: Instant | None = None
    document: Scan
    """What the power rests on."""


class EndRepresentative(Request, frozen=True, kw_only=True):
    """An account decides for a subject no more."""

    subject: SubjectId
    account: Account

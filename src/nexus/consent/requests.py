"""What the operations of consent take and return."""

from datetime import date
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from nexus.consent.model import MAX_NAMES, MAX_PROVISIONS, Capacity, DecisionKind, Provision, Status
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

"""What the operations on projects take and return."""

from typing import Annotated

from msgspec import Meta, Struct

from nexus.kernel.clock import Instant
from nexus.projects.model import DecisionKind, LegalBasis, ProjectState, Scope, StudyPurpose
from nexus.projects.rules import Lack

Line = Annotated[str, Meta(min_length=3, max_length=200)]
Text = Annotated[str, Meta(min_length=10, max_length=4_000)]
Reason = Annotated[str, Meta(min_length=10, max_length=500)]


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What comes from outside: no field that is not named here."""


class RequestProject(Request, frozen=True, kw_only=True):
    """A project that somebody wants to do."""

    name: Annotated[str, Meta(min_length=2, max_length=41)]
    """Its scope in rights, `project:<name>`; never used again."""
    title: Line
    controller: Line
    """The legal person who answers for it."""
    purpose: StudyPurpose
    legal_basis: LegalBasis
    summary: Text
    """In plain language: it is published in the register, and patients read it."""


class NamedProject(Request, frozen=True, kw_only=True):
    """One project, by its name."""

    name: str


class ListProjects(Request, frozen=True, kw_only=True):
    """Projects that one may see, in the order of their names."""

    after: str = ""
    """The last name of the page before."""
    limit: Annotated[int, Meta(ge=1, le=1_000)] = 100


class JudgeProject(Request, frozen=True, kw_only=True):
    """A project that goes on, or not, and why."""

    name: str
    reason: Reason


class RecordDecision(Request, frozen=True, kw_only=True):
    """A signed decision about a project."""

    name: str
    reference: Line
    """Where the signed document is found."""
    decided_on: Instant
    ends_at: Instant


class IssuePermit(RecordDecision, frozen=True, kw_only=True):
    """What a project may read, until when."""

    scope: Scope


class RevokeDecision(Request, frozen=True, kw_only=True):
    """A decision that holds no more."""

    name: str
    decision: str
    reason: Reason


class DecisionView(Struct, frozen=True, kw_only=True):
    """A decision about a project."""

    id: str
    kind: DecisionKind
    reference: str
    decided_on: Instant
    ends_at: Instant
    recorded_by: str
    scope: Scope | None
    revoked_at: Instant | None


class ProjectView(Struct, frozen=True, kw_only=True):
    """A project. `lacks`: why nothing is built for it now; `until`: when the first of its decisions ends."""

    id: str
    name: str
    title: str
    controller: str
    purpose: StudyPurpose
    legal_basis: LegalBasis
    summary: str
    state: ProjectState
    requested_by: str
    requested_at: Instant
    changed_at: Instant
    lacks: tuple[Lack, ...]
    until: Instant | None
    decisions: tuple[DecisionView, ...] = ()


class Projects(Struct, frozen=True, kw_only=True):
    """Projects. `next`: what to give as `after` for more."""

    projects: tuple[ProjectView, ...]
    next: str | None

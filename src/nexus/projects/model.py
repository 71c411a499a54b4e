"""What projects are made of. Frozen values, and the table of what may follow what."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import NotFound

MAX_DECISION: Final = 3 * 365 * DAY
"""How long an assessment, a homologation or a permit may be valid at most."""
MAX_TABLES: Final = 64
MAX_COLUMNS: Final = 256
"""Of one table."""


class ProjectState(StrEnum):
    """Where a project is in its life."""

    REQUESTED = "requested"
    AUTHORISED = "authorised"
    OPEN = "open"
    SUSPENDED = "suspended"
    REFUSED = "refused"
    CLOSED = "closed"
    ARCHIVED = "archived"


FOLLOWS: Final[Mapping[ProjectState, frozenset[ProjectState]]] = {
    ProjectState.REQUESTED: frozenset({ProjectState.AUTHORISED, ProjectState.REFUSED}),
    ProjectState.AUTHORISED: frozenset({ProjectState.OPEN, ProjectState.CLOSED}),
    ProjectState.OPEN: frozenset({ProjectState.SUSPENDED, ProjectState.CLOSED}),
    ProjectState.SUSPENDED: frozenset({ProjectState.OPEN, ProjectState.CLOSED}),
    ProjectState.REFUSED: frozenset({ProjectState.ARCHIVED}),
    ProjectState.CLOSED: frozenset({ProjectState.ARCHIVED}),
    ProjectState.ARCHIVED: frozenset(),
}
"""Which states may follow each."""


class LegalBasis(StrEnum):
    """Why the law lets the controller do this (GDPR art. 6 and 9)."""

    CONSENT = "consent"
    PUBLIC_INTEREST = "public-interest"
    LEGAL_OBLIGATION = "legal-obligation"


class StudyPurpose(StrEnum):
    """What health data may be used for besides care (EHDS art. 53(1))."""

    PUBLIC_HEALTH = "public-health"
    POLICY_MAKING = "policy-making"
    STATISTICS = "statistics"
    EDUCATION = "education"
    RESEARCH = "research"
    CARE_IMPROVEMENT = "care-improvement"


class DecisionKind(StrEnum):
    """What must have been decided, and still hold, before anything is built for a project."""

    ASSESSMENT = "assessment"
    HOMOLOGATION = "homologation"
    PERMIT = "permit"


@dataclass(frozen=True, slots=True)
class Project:
    """A project. `name` is its scope in rights: `project:<name>`; it is never used again."""

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


class Scope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a permit lets a project read."""

    tables: dict[str, tuple[str, ...]]
    """Columns by table. A table that is not named is not read, and neither is a column."""
    period_from: str
    """First day of the data, ISO 8601."""
    period_until: str
    """Last day of the data, ISO 8601."""
    cohort: str = ""
    """Name of the cohort that it is limited to; empty: every patient."""
    pseudonym_domain: str
    """2 to 16 capitals and digits, used by no other project, ever."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that was decided about a project. `reference`: where the signed document is found."""

    id: str
    project: str
    kind: DecisionKind
    reference: str
    decided_on: Instant
    ends_at: Instant
    recorded_by: str
    scope: Scope | None = None
    """Of a permit."""
    revoked_at: Instant | None = None


def no_project() -> NotFound:
    """A project that is not there, or not one's own to see."""
    return NotFound("there is no such project", code="projects.no-project")

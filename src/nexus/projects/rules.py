"""Pure decisions about projects: no clock, no database."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict, Invalid
from nexus.projects.model import (
    FOLLOWS,
    MAX_COLUMNS,
    MAX_DECISION,
    MAX_TABLES,
    Decision,
    DecisionKind,
    Project,
    ProjectState,
    Scope,
)

NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,40}", re.ASCII)
IDENTIFIER: Final = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
DOMAIN: Final = re.compile(r"[A-Z][A-Z0-9]{1,15}", re.ASCII)


class Lack(StrEnum):
    """Why nothing may be built or opened for a project."""

    NOT_OPEN = "not-open"
    NO_ASSESSMENT = "no-assessment"
    ASSESSMENT_ENDED = "assessment-ended"
    NO_HOMOLOGATION = "no-homologation"
    HOMOLOGATION_ENDED = "homologation-ended"
    NO_PERMIT = "no-permit"
    PERMIT_ENDED = "permit-ended"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a project may be worked for at a moment: with which permit, until when, or what it lacks."""

    lacks: tuple[Lack, ...]
    permit: Decision | None
    until: Instant | None


def readiness(project: Project, decisions: Iterable[Decision], at: Instant) -> Readiness:
    """What holds at `at`. Of several decisions of a kind the one that ends last counts."""
    standing = {kind: _standing(kind, decisions, at) for kind in DecisionKind}
    lacks = [Lack.NOT_OPEN] if project.state is not ProjectState.OPEN else []
    lacks += [_lack(kind, decisions) for kind, found in standing.items() if found is None]
    holding = [found for found in standing.values() if found is not None]
    if lacks:
        return Readiness(tuple(lacks), None, None)
    return Readiness((), standing[DecisionKind.PERMIT], min(decision.ends_at for decision in holding))


def lacks_to_open(project: Project, decisions: Sequence[Decision], at: Instant) -> tuple[Lack, ...]:
    """What stands in the way of opening a project: every lack but that it is not open."""
    return tuple(lack for lack in readiness(project, decisions, at).lacks if lack is not Lack.NOT_OPEN)


def require_ready(found: Readiness) -> Decision:
    """The permit that holds. Raises Conflict `projects.not-ready` that names every lack."""
    if found.permit is None:
        raise not_ready(found.lacks)
    return found.permit


def not_ready(lacks: Iterable[Lack]) -> Conflict:
    """A refusal that says all that is missing."""
    return Conflict(
        f"nothing is built for this project: {', '.join(lack.value for lack in lacks)}",
        code="projects.not-ready",
        hint="`nexus projects project read` shows its decisions and their ends",
    )


def require_follows(now: ProjectState, then: ProjectState) -> None:
    """Raises Conflict `projects.state` if a project cannot go from one state to the other."""
    if then not in FOLLOWS[now]:
        raise Conflict(f"a project that is {now.value} does not become {then.value}", code="projects.state")


def require_name(name: str) -> None:
    """Raises Invalid unless `name` can stand in a scope."""
    if NAME.fullmatch(name) is None:
        raise Invalid("the name of a project is 2 to 41 of a-z, 0-9 and hyphens", code="projects.name")


def require_period(decided_on: Instant, ends_at: Instant, now: Instant) -> None:
    """Raises Invalid unless a decision was taken before now, has not ended, and ends within what is allowed."""
    if not decided_on <= now < ends_at:
        raise Invalid("a decision was taken in the past and ends in the future", code="projects.period")
    if ends_at - decided_on > MAX_DECISION:
        raise Invalid("a decision holds three years at most", code="projects.period")


def require_scope(scope: Scope) -> None:
    """Raises Invalid unless a permit says precisely what may be read."""
    if not 1 <= len(scope.tables) <= MAX_TABLES:
        raise Invalid(f"a permit names 1 to {MAX_TABLES} tables", code="projects.tables")
    for table, columns in scope.tables.items():
        named = [table, *columns]
        if not 1 <= len(columns) <= MAX_COLUMNS or any(IDENTIFIER.fullmatch(name) is None for name in named):
            raise Invalid(
                f"a table of a permit has 1 to {MAX_COLUMNS} columns, all in lower case", code="projects.columns"
            )
        if len(set(columns)) != len(columns):
            raise Invalid("a column of a permit is named once", code="projects.columns")
    if _day(scope.period_from) > _day(scope.period_until):
        raise Invalid("the period of a permit ends after it begins", code="projects.period")
    if scope.cohort:
        require_name(scope.cohort)
    if DOMAIN.fullmatch(scope.pseudonym_domain) is None:
        raise Invalid("a pseudonym domain is 2 to 16 capitals and digits", code="projects.domain")


def _standing(kind: DecisionKind, decisions: Iterable[Decision], at: Instant) -> Decision | None:
    holding = [
        decision
        for decision in decisions
        if decision.kind is kind and decision.revoked_at is None and decision.decided_on <= at < decision.ends_at
    ]
    return max(holding, key=lambda decision: decision.ends_at, default=None)


def _lack(kind: DecisionKind, decisions: Iterable[Decision]) -> Lack:
    known = any(decision.kind is kind and decision.revoked_at is None for decision in decisions)
    return Lack(f"{kind.value}-ended") if known else Lack(f"no-{kind.value}")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("a day is written as 2026-11-27", code="projects.day") from None

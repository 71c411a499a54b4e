"""All SQL of projects."""

# ruff: noqa: S608 - statements are put together from constants of this file; values travel as parameters

from typing import Final

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.database import Row, Transaction
from nexus.projects.model import Decision, DecisionKind, LegalBasis, Project, ProjectState, Scope, StudyPurpose

_PROJECT: Final = (
    "id, name, title, controller, purpose, legal_basis, summary, state, requested_by, requested_at, changed_at"
)
_DECISION: Final = "id, project, kind, reference, decided_on, ends_at, recorded_by, scope, revoked_at"
_scope = msgspec.json.Decoder(Scope)


def add_project(tx: Transaction, new: Project) -> None:
    """Store a project whose name nobody has."""
    tx.execute(
        f"INSERT INTO projects_project ({_PROJECT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(new.id, new.name, new.title, new.controller, new.purpose.value, new.legal_basis.value, new.summary),
            *(new.state.value, new.requested_by, new.requested_at, new.changed_at),
        ),
    )


def project(tx: Transaction, name: str) -> Project | None:
    """A project by its name."""
    row = tx.one(f"SELECT {_PROJECT} FROM projects_project WHERE name = ?", (name,))
    return None if row is None else _project(row)


def projects(tx: Transaction, after: str, limit: int) -> list[Project]:
    """Projects in the order of their names, behind `after`."""
    rows = tx.all(f"SELECT {_PROJECT} FROM projects_project WHERE name > ? ORDER BY name LIMIT ?", (after, limit))
    return [_project(row) for row in rows]


def last_change(tx: Transaction) -> int:
    """When a project last changed, or what was decided about one; 0 before the first. No two changes have the same."""
    row = tx.one("SELECT coalesce(max(changed_at), 0) FROM projects_project")
    assert row is not None
    return int(row[0])


def set_state(tx: Transaction, project_id: str, state: ProjectState, now: Instant) -> None:
    """A project goes on to another state."""
    tx.execute("UPDATE projects_project SET state = ? WHERE id = ?", (state.value, project_id))
    _touch(tx, project_id, now)


def _touch(tx: Transaction, project_id: str, now: Instant) -> None:
    """Something about a project is another thing now: later than whatever changed before, however the clock went."""
    later = max(now, last_change(tx) + 1)
    tx.execute("UPDATE projects_project SET changed_at = ? WHERE id = ?", (later, project_id))


def add_decision(tx: Transaction, new: Decision, now: Instant) -> None:
    """Store a decision. Decisions are revoked, never removed or changed."""
    scope = None if new.scope is None else msgspec.json.encode(new.scope, order="sorted")
    tx.execute(
        f"INSERT INTO projects_decision ({_DECISION}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            *(new.id, new.project, new.kind.value, new.reference),
            *(new.decided_on, new.ends_at, new.recorded_by, scope),
        ),
    )
    _touch(tx, new.project, now)


def decisions(tx: Transaction, project_id: str) -> list[Decision]:
    """All decisions about a project, the oldest first."""
    rows = tx.all(f"SELECT {_DECISION} FROM projects_decision WHERE project = ? ORDER BY id", (project_id,))
    return [_decision(row) for row in rows]


def revoke(tx: Transaction, project_id: str, decision_id: str, now: Instant) -> bool:
    """End a decision; False if it was ended before."""
    changed = tx.execute(
        "UPDATE projects_decision SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, decision_id)
    )
    _touch(tx, project_id, now)
    return changed > 0


def take_domain(tx: Transaction, domain: str, project_id: str) -> bool:
    """Give a project a pseudonym domain for good; False if it belongs to another."""
    tx.execute(
        "INSERT INTO projects_domain (domain, project) VALUES (?, ?) ON CONFLICT DO NOTHING", (domain, project_id)
    )
    return tx.one("SELECT project FROM projects_domain WHERE domain = ?", (domain,)) == (project_id,)


def domains_of(tx: Transaction, name: str) -> frozenset[str]:
    """The pseudonym domains that were ever given to a project."""
    rows = tx.all(
        "SELECT given.domain FROM projects_domain given JOIN projects_project owner ON owner.id = given.project"
        " WHERE owner.name = ?",
        (name,),
    )
    return frozenset(domain for (domain,) in rows)


def _project(row: Row) -> Project:
    id_, name, title, controller, purpose, basis, summary, state, by, requested_at, changed_at = row
    return Project(
        *(id_, name, title, controller, StudyPurpose(purpose), LegalBasis(basis), summary, ProjectState(state)),
        *(by, requested_at, changed_at),
    )


def _decision(row: Row) -> Decision:
    id_, project_id, kind, reference, decided_on, ends_at, by, scope, revoked_at = row
    opened = None if scope is None else _scope.decode(scope)
    return Decision(id_, project_id, DecisionKind(kind), reference, decided_on, ends_at, by, opened, revoked_at)

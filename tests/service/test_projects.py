"""A project from its request to its archive. HD-06, RG-31, EMC-58, HD-09."""

import pytest

from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound
from nexus.kernel.secret import Secret
from nexus.projects import store
from nexus.projects.migrations import MIGRATIONS
from nexus.projects.model import DecisionKind, LegalBasis, ProjectState, Scope, StudyPurpose
from nexus.projects.requests import (
    IssuePermit,
    JudgeProject,
    ListProjects,
    NamedProject,
    RecordDecision,
    RequestProject,
    RevokeDecision,
)
from nexus.projects.rules import Lack
from nexus.projects.service import ProjectService
from simulators.clock import ManualClock
from simulators.databases import database as open_database
from simulators.operations import operation
from simulators.recorder import MemoryRecorder

OP = operation()
WHY = "the committee said so on Monday"


class Seen:
    """A gate for one who sees the projects named here."""

    def __init__(self) -> None:
        self.names = {"heart", "lung"}

    def check(self, op, action, resource):
        if resource.id not in self.names:
            raise Denied("not yours", code="test.denied")


@pytest.fixture
def recorder():
    return MemoryRecorder()


@pytest.fixture
def database(tmp_path, recorder):
    opened = open_database(tmp_path / "nexus.db", key=Secret(b"k" * 32), recorder=recorder)
    opened.migrate(MIGRATIONS)
    yield opened
    opened.close()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def gate():
    return Seen()


@pytest.fixture
def projects(database, gate, clock):
    return ProjectService(database, gate, clock)


def wanted(name="heart"):
    return RequestProject(
        name=name,
        title="Hearts of women",
        controller="CHU de Lyon",
        purpose=StudyPurpose.RESEARCH,
        legal_basis=LegalBasis.PUBLIC_INTEREST,
        summary="Which treatments after an infarction help women as much as men.",
    )


def decided(clock, name="heart", days=365):
    now = clock.now()
    return {
        "name": name,
        "reference": "GED/2026/0042",
        "decided_on": Instant(now - DAY),
        "ends_at": Instant(now + days * DAY),
    }


def scope(domain="HEART"):
    columns = {"person": ("person_id", "year_of_birth"), "condition_occurrence": ("person_id", "condition_concept_id")}
    return Scope(tables=columns, period_from="2018-01-01", period_until="2025-12-31", pseudonym_domain=domain)


async def opened(projects, clock, name="heart", domain="HEART"):
    await projects.request(OP, wanted(name))
    await projects.authorise(OP, JudgeProject(name=name, reason=WHY))
    await projects.record_assessment(OP, RecordDecision(**decided(clock, name)))
    await projects.record_homologation(OP, RecordDecision(**decided(clock, name, days=30)))
    await projects.issue_permit(OP, IssuePermit(**decided(clock, name), scope=scope(domain)))
    return await projects.open(OP, NamedProject(name=name))


async def test_a_project_opens_once_every_decision_is_there(projects, clock, recorder):
    """HD-06: a space cannot open without a signed, unexpired decision."""
    await projects.request(OP, wanted())
    await projects.authorise(OP, JudgeProject(name="heart", reason=WHY))
    with pytest.raises(Conflict) as refused:
        await projects.open(OP, NamedProject(name="heart"))
    assert [lack in str(refused.value) for lack in ("no-assessment", "no-homologation", "no-permit")] == [True] * 3
    seen = await opened(projects, clock, "lung", "LUNG")
    assert (seen.state, seen.lacks) == (ProjectState.OPEN, ())
    assert seen.until == clock.now() + 30 * DAY, "the homologation ends first"
    assert [entry.action for entry in recorder.entries][-6:] == [
        "projects.project.request",
        "projects.project.authorise",
        "projects.assessment.record",
        "projects.homologation.record",
        "projects.permit.issue",
        "projects.project.open",
    ]


async def test_what_is_built_for_it_asks_at_that_moment(projects, database, clock):
    """Nothing is remembered: the day that a decision ends, nothing more is built."""
    await opened(projects, clock)
    with database.read() as tx:
        assert projects.ready(tx, "heart").scope == scope()
    clock.advance(30 * DAY)
    with database.read() as tx, pytest.raises(Conflict, match="homologation-ended"):
        projects.ready(tx, "heart")
    with database.read() as tx, pytest.raises(NotFound):
        projects.ready(tx, "unknown")


async def test_one_person_stops_it_at_once_and_going_on_takes_every_decision(projects, database, clock):
    seen = await opened(projects, clock)
    permit = next(one.id for one in seen.decisions if one.kind is DecisionKind.PERMIT)
    stopped = await projects.suspend(OP, JudgeProject(name="heart", reason=WHY))
    assert stopped.lacks == (Lack.NOT_OPEN,)
    await projects.revoke(OP, RevokeDecision(name="heart", decision=permit, reason=WHY))
    with pytest.raises(Conflict, match="no-permit"):
        await projects.open(OP, NamedProject(name="heart"))
    with pytest.raises(Conflict):
        await projects.revoke(OP, RevokeDecision(name="heart", decision=permit, reason=WHY))
    with pytest.raises(NotFound):
        await projects.revoke(OP, RevokeDecision(name="heart", decision="pdc_other", reason=WHY))


async def test_whatever_changes_what_a_project_may_read_is_a_later_change_also_while_the_clock_stands(
    projects, database, clock
):
    def version() -> int:
        with database.read() as tx:
            return store.last_change(tx)

    await opened(projects, clock)
    seen = [version()]
    permit = await projects.issue_permit(OP, IssuePermit(scope=scope(), **decided(clock)))
    seen.append(version())
    await projects.revoke(OP, RevokeDecision(name="heart", decision=permit.decisions[-1].id, reason="it was a mistake"))
    seen.append(version())
    await projects.suspend(OP, JudgeProject(name="heart", reason="something was found"))
    seen.append(version())
    assert seen == sorted(set(seen))


async def test_a_decision_of_another_project_cannot_be_revoked_through_this_one(projects, clock):
    seen = await opened(projects, clock)
    await projects.request(OP, wanted("lung"))
    with pytest.raises(NotFound):
        await projects.revoke(OP, RevokeDecision(name="lung", decision=seen.decisions[0].id, reason=WHY))
    assert (await projects.read(OP, NamedProject(name="heart"))).lacks == ()


async def test_no_two_projects_share_a_pseudonym_domain_ever(projects, clock):
    """EMC-05: not even with one that is archived; its own it may have again."""
    await opened(projects, clock)
    await projects.issue_permit(OP, IssuePermit(**decided(clock), scope=scope()))
    await projects.close(OP, JudgeProject(name="heart", reason=WHY))
    await projects.archive(OP, NamedProject(name="heart"))
    with pytest.raises(Conflict) as refused:
        await opened(projects, clock, "lung")
    assert refused.value.code == "projects.domain-taken"


async def test_a_name_is_never_used_again_and_what_is_over_is_given_nothing(projects, clock):
    await projects.request(OP, wanted())
    await projects.refuse(OP, JudgeProject(name="heart", reason=WHY))
    with pytest.raises(Conflict):
        await projects.request(OP, wanted())
    with pytest.raises(Conflict):
        await projects.record_assessment(OP, RecordDecision(**decided(clock)))


async def test_a_list_holds_what_one_may_see_and_pages_do_not_skip(projects, gate):
    for name in ("bone", "heart", "lung", "skin"):
        await projects.request(OP, wanted(name))
    first = await projects.list(OP, ListProjects(limit=1))
    second = await projects.list(OP, ListProjects(limit=1, after=first.next))
    assert [one.name for page in (first, second) for one in page.projects] == ["heart", "lung"]
    assert second.next is None
    gate.names = set()
    assert (await projects.list(OP, ListProjects())).projects == ()


async def test_a_refused_change_leaves_nothing_behind(projects, clock, database, recorder):
    await projects.request(OP, wanted())
    before = len(recorder.entries)
    for ends in (clock.now(), clock.now() + 4 * 365 * DAY):
        with pytest.raises(Invalid):
            await projects.record_assessment(OP, RecordDecision(**{**decided(clock), "ends_at": Instant(ends)}))
    with pytest.raises(Invalid):
        await projects.issue_permit(OP, IssuePermit(**decided(clock), scope=scope("lower")))
    with database.read() as tx:
        assert tx.one("SELECT count(*) FROM projects_decision") == (0,)
        assert tx.one("SELECT count(*) FROM projects_domain") == (0,)
    assert len(recorder.entries) == before

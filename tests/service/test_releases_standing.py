"""Whether the bucket of a release may be read at all, as the store asks it in the transaction of each read. HD-06."""

import msgspec
import pytest

from nexus.app.schema import MIGRATIONS
from nexus.app.wiring.consent import ProjectBases
from nexus.app.wiring.subjects import Subjects
from nexus.consent.rulings import Rulings
from nexus.kernel.clock import DAY
from nexus.kernel.database import Recorded
from nexus.kernel.secret import Secret
from nexus.objects.model import Bucket, BucketKind, Versioning
from nexus.projects.model import LegalBasis, Scope, StudyPurpose
from nexus.projects.requests import (
    IssuePermit,
    JudgeProject,
    NamedProject,
    RecordDecision,
    RequestProject,
    RevokeDecision,
)
from nexus.projects.service import ProjectService
from nexus.warehouse.releases import store
from nexus.warehouse.releases.model import ReleaseRecord, ReleaseState
from simulators.clock import ManualClock
from simulators.databases import database as open_database
from simulators.operations import operation
from simulators.recorder import MemoryRecorder

OP, WHY = operation(), "the committee said so on Monday"


class Everybody:
    def check(self, op, action, resource):
        """Whoever asks may."""


class World:
    """A project with a release; `ends` are days until its homologation and its permit end."""

    def __init__(self, tmp_path) -> None:
        self.clock = ManualClock()
        self.database = open_database(tmp_path / "nexus.db", key=Secret(b"d" * 32), recorder=MemoryRecorder())
        self.database.migrate(MIGRATIONS)
        self.projects = ProjectService(self.database, Everybody(), self.clock)
        self.subjects = Subjects(Rulings(projects=ProjectBases()))
        self.bucket = Bucket(
            number=1, id="bkt_1", name="heart-1", site="warehouse", project="heart", kind=BucketKind.RELEASE,
            key_id="key_1", versioning=Versioning.OFF, owner="system:worker", created_at=self.clock.now(), wrapped_key=b"",
        )  # fmt: skip

    async def begin(self) -> None:
        await self.projects.request(
            OP,
            RequestProject(
                name="heart",
                title="A study",
                controller="CHU",
                purpose=StudyPurpose.RESEARCH,
                legal_basis=LegalBasis.PUBLIC_INTEREST,
                summary="what is studied",
            ),
        )
        await self.projects.authorise(OP, JudgeProject(name="heart", reason=WHY))
        await self.projects.record_assessment(OP, RecordDecision(**self.decided(90)))
        await self.projects.record_homologation(OP, RecordDecision(**self.decided(30)))
        scope = Scope(
            tables={"person": ("person_id",)},
            period_from="2018-01-01",
            period_until="2020-12-31",
            pseudonym_domain="HEART",
        )
        await self.projects.issue_permit(OP, IssuePermit(**self.decided(60), scope=scope))
        await self.projects.open(OP, NamedProject(name="heart"))
        await self.release(ReleaseState.OPEN)

    def decided(self, days: int) -> dict:
        now = self.clock.now()
        return {"name": "heart", "reference": "no. 1", "decided_on": now - DAY, "ends_at": now + days * DAY}

    async def release(self, state: ReleaseState) -> None:
        now = self.clock.now()
        record = ReleaseRecord("rel_1", "heart", "heart-1", state, "key_1", "", "per_a", now, "per_a", now)

        def work(tx):
            (store.add if store.by_id(tx, "rel_1") is None else store.update)(tx, record)
            return Recorded(None, OP.allowed("releases.release.open", self.bucket.resource))

        await self.database.write(work)

    def stands(self, bucket: Bucket | None = None):
        with self.database.read() as tx:
            return self.subjects.standing(tx, bucket or self.bucket, self.clock.now())

    def version(self):
        with self.database.read() as tx:
            return self.subjects.version(tx)


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.database.close()


async def test_an_open_release_of_a_ready_project_is_read_until_the_first_decision_ends(world):
    await world.begin()
    stands = world.stands()
    assert stands.allowed and stands.until == world.clock.now() + 30 * DAY
    world.clock.advance(30 * DAY)
    assert (world.stands().allowed, world.stands().reason) == (False, "project")


@pytest.mark.parametrize("state", [each for each in ReleaseState if each is not ReleaseState.OPEN])
async def test_no_other_state_is_read(world, state):
    await world.begin()
    await world.release(state)
    assert (world.stands().allowed, world.stands().reason) == (False, "release")


async def test_a_bucket_of_no_release_is_not_read_as_one_and_other_kinds_are_not_asked(world):
    await world.begin()
    assert not world.stands(msgspec.structs.replace(world.bucket, name="heart-2")).allowed
    assert world.stands(msgspec.structs.replace(world.bucket, kind=BucketKind.STANDARD, name="ward")).allowed


async def test_what_stops_a_project_is_seen_by_every_process_that_remembers(world):
    await world.begin()
    seen = [world.version()]
    permit = (await world.projects.read(OP, NamedProject(name="heart"))).decisions[-1].id
    await world.projects.revoke(OP, RevokeDecision(name="heart", decision=permit, reason=WHY))
    assert not world.stands().allowed
    seen.append(world.version())
    await world.projects.suspend(OP, JudgeProject(name="heart", reason=WHY))
    seen.append(world.version())
    assert len(set(seen)) == 3 and seen == sorted(seen)

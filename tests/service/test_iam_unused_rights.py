"""Unused rights: a use is noted once a day, costs no decision, and counts for the right that it rests on."""

import asyncio

import pytest

from nexus.iam.conditions import NO_CONDITIONS
from nexus.iam.gate import Gate, asked
from nexus.iam.model import Role
from nexus.iam.requests.analysis import UnusedRights
from nexus.kernel.clock import DAY
from nexus.kernel.operation import Resource
from simulators.people import open_platform

BUCKET = Resource("Bucket", "trials", {"site": "lyon", "project": "p", "kind": "standard"})


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as platform:
        yield platform


@pytest.fixture
async def people(platform):
    """Two founders; rita researches in p, sam stewards lyon."""
    ada, ben = await platform.found("ada", "ben")
    rita, sam = [await platform.person(ada, login) for login in ("rita", "sam")]
    await platform.grant(ben, rita.id, Role.RESEARCHER, "project:p", days=10)
    await platform.grant(ben, sam.id, Role.DATA_STEWARD, "site:lyon", days=20)
    return ada, ben, rita, sam


async def unused(platform, by, **asked_for):
    found = await platform.call("iam.unused-rights", platform.op(by), UnusedRights(**asked_for))
    return {(right.role, right.scope): right.last_used for right in found.rights}


async def test_a_right_that_is_exercised_is_not_unused_and_is_written_once_a_day(platform, people):
    """F-068."""
    ada, _, rita, *_ = people
    read = lambda: asked(platform.op(rita, purpose="research"), "objects.object.read", BUCKET)  # noqa: E731
    await platform.gate.usage.write()  # what the founders did until now
    for day in range(6):
        platform.clock.advance(DAY)
        if day >= 3:
            for _ in range(3):
                assert platform.gate.permits(read())
            assert len(platform.gate.usage) == 1  # one waits, however often it was used
            await platform.gate.usage.write()
            assert len(platform.gate.usage) == 0
            assert platform.gate.permits(read())
            assert len(platform.gate.usage) == 0
    await platform.sign_in(ada)
    idle = await unused(platform, ada, days=2)
    assert ("researcher", "project:p") not in idle and idle["data_steward", "site:lyon"] is None
    platform.clock.advance(3 * DAY)
    await platform.sign_in(ada)
    idle = await unused(platform, ada, days=2)
    assert idle["researcher", "project:p"] is not None
    assert await unused(platform, ada, days=100) == {}
    await platform.sign_in(rita)
    assert set(await unused(platform, rita, days=2, identity=rita.id)) == {("researcher", "project:p")}


async def test_a_use_of_one_right_is_not_a_use_of_another(platform, people):
    ada, ben, rita, *_ = people
    await platform.grant(ben, rita.id, Role.RESEARCHER, "project:other")
    await platform.grant(ben, rita.id, Role.DATA_PROVIDER, "project:r")
    platform.clock.advance(2 * DAY)
    assert platform.gate.permits(asked(platform.op(rita, purpose="research"), "objects.object.read", BUCKET))
    await platform.gate.usage.write()
    await platform.sign_in(ada)
    idle = await unused(platform, ada, days=1, identity=rita.id)
    assert set(idle) == {("researcher", "project:other"), ("data_provider", "project:r")}


async def test_what_is_noted_is_written_by_and_by_without_being_asked(platform, people):
    _, _, rita, *_ = people
    gate = Gate(platform.db, platform.clock, NO_CONDITIONS, write_uses_after_s=0.01)
    assert gate.permits(asked(platform.op(rita, purpose="research"), "objects.object.read", BUCKET))
    for _ in range(500):
        await asyncio.sleep(0.01)
        if platform.db.peek("SELECT count(*) FROM iam_grant_use") == (1,):
            break
    assert platform.db.peek("SELECT count(*) FROM iam_grant_use") == (1,)


async def test_that_a_right_was_used_changes_no_decision(platform, people):
    _, _, rita, *_ = people
    version = platform.db.peek("SELECT version FROM iam_version")
    assert platform.gate.permits(asked(platform.op(rita, purpose="research"), "objects.object.read", BUCKET))
    await platform.gate.usage.write()
    assert platform.db.peek("SELECT version FROM iam_version") == version

"""Four eyes under pressure: executed once, in time, by its requester, under rights that still hold."""

import asyncio
from dataclasses import replace

import pytest

from nexus.iam.model import APPROVAL_VALID, IntentState, Role
from nexus.iam.requests.approvals import ListIntents
from nexus.iam.requests.forms import ById
from nexus.iam.requests.rights import ListGrants
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, Denied, NexusError
from nexus.kernel.secret import Secret
from simulators.approving import approve, held, propose
from simulators.databases import database as open_database
from simulators.people import Platform, open_platform


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
async def people(platform: Platform):
    """Two founders, and a person whom the first created."""
    ada, ben = await platform.found("ada", "ben")
    return ada, ben, await platform.person(ada, "chloe")


async def _rewrite(platform: Platform, intent: str, **columns):
    """Somebody with the database key changes a stored intent."""
    for column, value in columns.items():
        await platform.db.bookkeep(
            Bookkeeping.PROGRESS,
            lambda tx, column=column, value=value: tx.execute(
                f"UPDATE iam_intent SET {column} = ? WHERE id = ?", (value, intent)
            ),
        )


# Once, in time, with rights that still hold


async def test_an_intent_is_executed_once_whoever_else_tries(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    await approve(platform, ada, intent)
    outcomes = await asyncio.gather(
        *(platform.execute(platform.op(ben), intent.id) for _ in range(12)), return_exceptions=True
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, NexusError)} == {"iam.intent-executed"}
    assert await held(platform, ada, chloe) == [Role.AUDITOR]


async def test_two_processes_execute_it_once(platform, people, tmp_path):
    """Exactly once over one file, whichever process wins the database."""
    ada, ben, chloe = people
    other_db = open_database(tmp_path / "nexus.db", key=Secret(b"k" * 32), recorder=platform.recorder)
    other = Platform(other_db, platform.clock, platform.recorder)
    for _ in range(5):
        intent = await propose(platform, ben, chloe)
        await approve(other, ada, intent)
        claims = [each.approvals.claim(platform.op(ben), intent.id) for each in (platform, other) for _ in range(3)]
        outcomes = await asyncio.gather(*claims, return_exceptions=True)
        assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1
    other.service.close()
    other_db.close()


async def test_a_claimed_intent_is_performed_once(platform, people):
    ada, ben, chloe = people
    request = platform.role(chloe.id, Role.AUDITOR)
    intent = await platform.call("iam.role.grant-privileged", platform.op(ben), request)
    await approve(platform, ada, intent)
    await platform.approvals.claim(platform.op(ben), intent.id)
    op = replace(platform.op(ben), approval=intent.id)
    outcomes = await asyncio.gather(
        *(platform.service.grants.grant_privileged(op, request) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Denied) for outcome in outcomes) == 4


async def test_only_the_requester_carries_it_out(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    await approve(platform, ada, intent)
    with pytest.raises(Denied):
        await platform.execute(platform.op(ada), intent.id)
    with pytest.raises(Denied) as refused:
        await platform.approvals.claim(platform.op(ada), intent.id)
    assert refused.value.code == "iam.not-requester"


@pytest.mark.parametrize("approved", [False, True])
async def test_an_intent_ends_by_itself(platform, people, approved):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    if approved:
        await approve(platform, ada, intent)
    platform.clock.advance(APPROVAL_VALID - 1)
    for human in (ada, ben):
        await platform.sign_in(human)  # half a minute later: over
    with pytest.raises(Conflict) as refused:
        await (platform.execute(platform.op(ben), intent.id) if approved else approve(platform, ada, intent))
    assert refused.value.code == "iam.intent-expired"
    assert await platform.approvals.expire() == 1
    listed = await platform.call("iam.approval.list", platform.op(ada), ListIntents(state=IntentState.EXPIRED))
    assert [seen.id for seen in listed.intents] == [intent.id]


async def test_a_rejected_intent_is_over(platform, people):
    ada, ben, chloe = people
    first, second = await propose(platform, ben, chloe), await propose(platform, ben, chloe)
    await approve(platform, ada, first)
    await platform.call("iam.approval.reject", platform.op(ada), ById(id=first.id))
    await platform.call("iam.approval.reject", platform.op(ben), ById(id=second.id))  # withdrawn by its requester
    for intent in (first, second):
        for attempt in (
            lambda intent=intent: approve(platform, ada, intent),
            lambda intent=intent: platform.execute(platform.op(ben), intent.id),
            lambda intent=intent: platform.call("iam.approval.reject", platform.op(ada), ById(id=intent.id)),
        ):
            with pytest.raises(Conflict) as refused:
                await attempt()
            assert refused.value.code == "iam.intent-rejected"


async def test_one_person_does_not_count_twice(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    await _rewrite(platform, intent.id, approvals_needed=2)
    await approve(platform, ada, intent)
    await platform.sign_in(ada, origin="198.51.100.7", client="phone/2")
    with pytest.raises(Conflict) as refused:
        await approve(platform, ada, intent)
    assert refused.value.code == "iam.approved-before"


async def test_a_requester_who_lost_the_right_does_not_carry_it_out(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    await approve(platform, ada, intent)
    grants = await platform.call("iam.role.list", platform.op(ada), ListGrants(identity=ben.id))
    officer = next(grant for grant in grants.grants if grant.role is Role.SECURITY_OFFICER)
    await platform.call("iam.role.revoke", platform.op(ada), ById(id=officer.id))
    with pytest.raises(Denied):
        await platform.execute(platform.op(ben), intent.id)
    with pytest.raises(Denied):
        await platform.approvals.claim(platform.op(ben), intent.id)


async def test_an_approval_does_not_outlive_the_rights_of_who_gave_it(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    await approve(platform, ada, intent)
    await platform.call("iam.person.suspend", platform.op(ben), ById(id=ada.id))
    with pytest.raises(Denied) as refused:
        await platform.execute(platform.op(ben), intent.id)
    assert refused.value.code == "iam.approval-missing"


async def test_a_suspension_in_the_same_commit_counts(platform, people):
    """Decisions inside a transaction see what it has changed, not what was committed before it."""
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    await approve(platform, ada, intent)
    suspended, claimed = await asyncio.gather(
        platform.service.persons.suspend(platform.op(ada), ById(id=ben.id)),
        platform.approvals.claim(platform.op(ben), intent.id),
        return_exceptions=True,
    )
    assert suspended is None
    assert isinstance(claimed, Denied)


async def test_without_the_log_nothing_is_proposed_approved_or_claimed(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    platform.recorder.broken = True
    for attempt in (
        propose(platform, ben, chloe),
        platform.approvals.approve(platform.op(ada), intent.id, intent.digest),
    ):
        with pytest.raises(NexusError):
            await attempt
    platform.recorder.broken = False
    await approve(platform, ada, intent)
    platform.recorder.broken = True
    with pytest.raises(NexusError):
        await platform.approvals.claim(platform.op(ben), intent.id)
    platform.recorder.broken = False
    await platform.execute(platform.op(ben), intent.id)


async def test_each_step_is_an_entry_that_names_the_digest(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    await approve(platform, ada, intent)
    await platform.execute(platform.op(ben), intent.id)
    steps = [
        (entry.action, entry.operation.actor.id)
        for entry in platform.recorder.entries
        if entry.details.get("digest") == intent.digest
    ]
    assert steps == [
        ("iam.approval.propose", ben.id),
        ("iam.approval.approve", ada.id),
        ("iam.approval.execute", ben.id),
    ]

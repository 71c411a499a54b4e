"""Attacks on four eyes: approving oneself, through a machine or a key, other content, twice, too late, around the gate."""

from dataclasses import replace

import pytest

from nexus.app.operations import OPERATIONS
from nexus.iam.actions import ACTIONS
from nexus.iam.approvals import MAX_OPEN, canonical, digest_of
from nexus.iam.model import IntentState, Purpose, Role
from nexus.iam.requests.approvals import Approve, ListIntents
from nexus.iam.requests.forms import ById
from nexus.iam.requests.machines import CreateAccessKey, CreateMachine, CreateToken
from nexus.iam.requests.rights import GrantRole
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, Damaged, Denied, Invalid, NotFound, Unauthenticated
from nexus.kernel.operation import OperationSpec, Resource
from simulators.approving import approve, held, propose
from simulators.people import BROWSER, HOME, SPECS, Platform, open_platform

KEY = Resource("Key", "key_x", {"project": "p"})


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
async def people(platform: Platform):
    """Two founders, and a person whom the first created."""
    ada, ben = await platform.found("ada", "ben")
    return ada, ben, await platform.person(ada, "chloe")


# Who may approve


async def test_a_second_person_approves_and_the_requester_carries_out(platform, people):
    """F-002: the same identity cannot request and approve."""
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    assert (intent.state, intent.approver_role, intent.approvals) == (IntentState.PROPOSED, Role.SECURITY_OFFICER, ())
    approved = await approve(platform, ada, intent)
    assert (approved.state, [given.person for given in approved.approvals]) == (IntentState.APPROVED, [ada.id])
    assert await held(platform, ada, chloe) == []
    await platform.execute(platform.op(ben), intent.id)
    assert await held(platform, ada, chloe) == [Role.AUDITOR]


async def test_nobody_approves_an_intent_of_ones_own(platform, people):
    _, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    with pytest.raises(Denied):
        await approve(platform, ben, intent)
    with pytest.raises(Denied):  # nor past the gate
        await platform.approvals.approve(platform.op(ben), intent.id, intent.digest)
    with pytest.raises(Denied) as refused:
        await platform.execute(platform.op(ben), intent.id)
    assert refused.value.code == "iam.approval-missing"


async def test_an_access_key_or_a_token_of_the_second_person_does_not_approve(platform, people):
    ada, ben, chloe = people
    ends = Instant(platform.clock.now() + DAY)
    key = await platform.call(
        "iam.access-key.create",
        platform.op(ada),
        CreateAccessKey(identity=ada.id, purpose=Purpose.SECURITY, expires_at=ends),
    )
    token = await platform.call(
        "iam.token.create", platform.op(ada), CreateToken(identity=ada.id, label="x", expires_at=ends)
    )
    intent = await propose(platform, ben, chloe)
    programs = [
        platform.authenticator.access_key(key.id).actor,
        await platform.authenticator.session(token.token.reveal().decode(), HOME, BROWSER),
    ]
    for program in programs:
        with pytest.raises(Denied):
            await approve(platform, program, intent)
        with pytest.raises(Denied):
            await platform.approvals.approve(platform.op(program), intent.id, intent.digest)


async def test_nobody_approves_what_a_machine_of_ones_own_proposed(platform, people):
    """The second account of the same person: whoever answers for both is one person."""
    ada, ben, _ = people
    machine = await platform.call("iam.machine.create", platform.op(ben), CreateMachine(name="robot", owner=ada.id))
    robot = replace(ada.actor, id=machine.id, kind="machine", session=None)
    spec = SPECS["iam.role.grant-privileged"]
    with pytest.raises(Denied):  # machines propose nothing of the kind
        await platform.call(spec.name, platform.op(robot), platform.role(ben.id, Role.AUDITOR))
    intent = await propose(platform, ada, ben)
    await _rewrite(platform, intent.id, requester=machine.id)  # as if one had
    with pytest.raises(Denied):
        await approve(platform, ada, intent)
    assert (await approve(platform, ben, intent)).state is IntentState.APPROVED


async def test_a_machine_never_approves(platform, people):
    ada, ben, chloe = people
    machine = await platform.call("iam.machine.create", platform.op(ben), CreateMachine(name="robot", owner=ada.id))
    intent = await propose(platform, ben, chloe)
    for session in (None, ada.actor.session):
        robot = replace(ada.actor, id=machine.id, kind="machine", session=session)
        with pytest.raises(Denied):
            await approve(platform, robot, intent)
        with pytest.raises(Denied):
            await platform.approvals.approve(platform.op(robot), intent.id, intent.digest)


async def test_a_puppet_of_the_requester_cannot_become_the_second_person(platform, people):
    """One officer creates an account, enrols it herself and tries to make it the second pair of eyes."""
    ada, _, _ = people
    puppet = await platform.person(ada, "puppet")
    with pytest.raises(Denied):
        await platform.grant(ada, puppet.id, Role.SECURITY_OFFICER)
    with pytest.raises(Denied):
        await platform.call(
            "iam.role.grant-privileged", platform.op(ada), platform.role(puppet.id, Role.SECURITY_OFFICER)
        )
    intent = await propose(platform, ada, people[1])
    with pytest.raises(Denied):
        await approve(platform, puppet, intent)


async def test_taking_over_the_second_persons_account_needs_a_second_person_too(platform, people):
    ada, ben, _ = people
    intent = await platform.call("iam.person.re-enrol", platform.op(ada), ById(id=ben.id))
    with pytest.raises(Denied):
        await platform.execute(platform.op(ada), intent.id)
    await platform.authenticator.session(ben.token, HOME, BROWSER)


async def test_the_approver_needs_the_role_that_the_action_names(platform, people):
    ada, ben, chloe = people
    await platform.grant_privileged(ben, ada, chloe.id, Role.AUDITOR)
    intent = await propose(platform, ben, chloe, Role.KEY_CUSTODIAN)
    await platform.call("iam.approval.read", platform.op(chloe), ById(id=intent.id))  # an auditor sees it
    with pytest.raises(Denied):
        await approve(platform, chloe, intent)


async def test_strangers_do_not_even_read_what_waits(platform, people):
    _, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    with pytest.raises(Denied):
        await platform.call("iam.approval.read", platform.op(chloe), ById(id=intent.id))
    seen = await platform.call("iam.approval.list", platform.op(chloe), ListIntents())
    assert seen.intents == ()
    mine = await platform.call("iam.approval.list", platform.op(ben), ListIntents())
    assert [listed.id for listed in mine.intents] == [intent.id]


# What is approved is what runs


async def test_an_approval_names_the_content_that_was_read(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    other = await propose(platform, ben, chloe, Role.KEY_CUSTODIAN)
    for digest in (other.digest, "", intent.digest.upper(), intent.digest[:-1]):
        with pytest.raises(Conflict):
            await platform.call("iam.approval.approve", platform.op(ada), Approve(id=intent.id, digest=digest))


async def test_content_that_changed_after_the_proposal_is_neither_approved_nor_run(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    await _rewrite(platform, intent.id, request=canonical({"identity": ben.id}))
    with pytest.raises(Damaged):
        await approve(platform, ada, intent)
    with pytest.raises(Damaged):
        await platform.approvals.content(intent.id)


async def test_content_that_changed_after_the_approval_does_not_run(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    await approve(platform, ada, intent)
    swapped = canonical({"identity": ben.id, "role": "security_officer"})
    digest = digest_of("iam.role.grant-privileged", intent.resource, swapped)
    for changes in ({"request": swapped}, {"request": swapped, "digest": digest}, {"resource_id": ben.id}):
        await _rewrite(platform, intent.id, **changes)
        with pytest.raises(Damaged):
            await platform.execute(platform.op(ben), intent.id)
    assert await held(platform, ada, chloe) == []


async def test_one_request_is_not_performed_under_the_approval_of_another(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    await approve(platform, ada, intent)
    await platform.approvals.claim(platform.op(ben), intent.id)
    op = replace(platform.op(ben), approval=intent.id)
    with pytest.raises(Denied):
        await platform.service.grants.grant_privileged(op, platform.role(chloe.id, Role.SECURITY_OFFICER))
    with pytest.raises(Denied):
        await platform.service.persons.delete(op, ById(id=chloe.id))


async def _rewrite(platform: Platform, intent: str, **columns):
    """Somebody with the database key changes a stored intent."""
    for column, value in columns.items():
        await platform.db.bookkeep(
            Bookkeeping.PROGRESS,
            lambda tx, column=column, value=value: tx.execute(
                f"UPDATE iam_intent SET {column} = ? WHERE id = ?", (value, intent)
            ),
        )


# Proposing


def _spec(**changes) -> OperationSpec:
    base = OperationSpec(
        "kms.key.destroy", "kms", "DELETE", "/v1/keys/{id}", "", ById, None, "kms.key.destroy", None, sensitive=True
    )
    return replace(base, **changes)


async def test_other_services_operations_wait_the_same_way(platform, people):
    ada, ben, _ = people
    intent = await platform.approvals.propose(platform.op(ada), _spec(), b'{"id":"key_x"}', KEY)
    assert intent.sentence == "destroy a key for good (Key:key_x)"
    assert intent.approver_role is Role.KEY_CUSTODIAN
    await approve(platform, ben, intent)
    claimed = await platform.approvals.claim(platform.op(ada), intent.id)
    assert (claimed.spec_name, claimed.request_json) == ("kms.key.destroy", b'{"id":"key_x"}')


@pytest.mark.parametrize(
    "request_json", [b"", b"{", b'{"b":1,"a":2}', b'{ "id": "x" }', b'{"id":"\xff"}', b'"' + b"x" * 70_000 + b'"']
)
async def test_a_request_that_is_not_canonical_is_not_held(platform, people, request_json):
    ada, *_ = people
    with pytest.raises(Invalid):
        await platform.approvals.propose(platform.op(ada), _spec(), request_json, KEY)


async def test_what_needs_no_second_person_is_not_held(platform, people):
    ada, *_ = people
    with pytest.raises(Invalid):
        spec = _spec(name="kms.key.rotate", action="kms.key.rotate")
        await platform.approvals.propose(platform.op(ada), spec, b'{"id":"key_x"}', KEY)


async def test_whoever_has_no_right_to_the_operation_does_not_propose_it(platform, people):
    *_, chloe = people
    with pytest.raises(Denied):
        await platform.approvals.propose(platform.op(chloe), _spec(), b'{"id":"key_x"}', KEY)


async def test_nobody_floods_those_who_approve(platform, people):
    ada, *_ = people
    for n in range(MAX_OPEN):
        await platform.approvals.propose(platform.op(ada), _spec(), b'{"id":"key_%d"}' % n, KEY)
    with pytest.raises(Conflict):
        await platform.approvals.propose(platform.op(ada), _spec(), b'{"id":"key_x"}', KEY)


async def test_an_intent_that_is_not_there_is_not_found(platform, people):
    ada, *_ = people
    for attempt in (
        platform.approvals.content("int_x"),
        platform.approvals.claim(platform.op(ada), "int_x"),
        platform.approvals.read(platform.op(ada), "int_x"),
    ):
        with pytest.raises(NotFound):
            await attempt


def test_the_digest_tells_operation_resource_and_request_apart():
    parts = [("a", "b", b"c"), ("ab", "", b"c"), ("a", "", b"bc"), ("a", "bc", b""), ("a", "b", b"d")]
    assert len({digest_of(*each) for each in parts}) == len(parts)


def test_the_digest_is_the_one_that_was_written_down():
    """A known answer, computed with the standard library (docs/explanation/four-eyes.md)."""
    assert digest_of("kms.key.destroy", "Key:key_x", b'{"id":"key_x"}') == (
        "8a9bda095fa4defb7e95dcc52b9baad82bc0a7e5aaf4a1673eaece5ed5fb3a78"
    )


async def test_a_signed_out_person_approves_nothing(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    [session] = [
        entry.details["session"] for entry in platform.entries("iam.session.create") if entry.resource.id == ada.id
    ]
    await platform.call("iam.session.end", platform.op(ada), ById(id=session))
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(ada.token, HOME, BROWSER)
    assert intent.state is IntentState.PROPOSED


async def test_executing_as_an_ordinary_operation_only_refuses(platform, people):
    ada, ben, chloe = people
    intent = await propose(platform, ben, chloe)
    await approve(platform, ada, intent)
    with pytest.raises(Invalid):
        await platform.call("iam.approval.execute", platform.op(ben), ById(id=intent.id))


def test_sensitive_operations_and_sensitive_actions_are_the_same():
    """F-002: no operation of any service forgets its second person, and none names an action that is not in the table."""
    for spec in OPERATIONS:
        if spec.action:
            assert spec.sensitive is ACTIONS[spec.action].sensitive, spec.name


async def test_a_grant_under_four_eyes_ends_as_it_was_approved(platform, people):
    ada, ben, chloe = people
    request = GrantRole(
        identity=chloe.id, role=Role.AUDITOR, scope="platform", ends_at=Instant(platform.clock.now() + DAY)
    )
    intent = await platform.call("iam.role.grant-privileged", platform.op(ben), request)
    await approve(platform, ada, intent)
    granted = await platform.execute(platform.op(ben), intent.id)
    assert granted.ends_at == request.ends_at

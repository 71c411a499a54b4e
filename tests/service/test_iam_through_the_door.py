"""Identity behind the real REST dispatcher: what crosses between the two rooms, in JSON and in the audit log."""

import json

import pytest

from nexus.iam.model import Role
from nexus.iam.operations import OPERATIONS
from nexus.kernel.clock import DAY, rfc3339
from nexus.kernel.operation import Outcome
from simulators.identity_door import IdentityDoor
from simulators.people import PASSWORD, Human, Platform, open_platform


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
def door(platform):
    return IdentityDoor(platform)


def typed(platform: Platform, human: Human, password: str = PASSWORD) -> dict:
    return {"login": human.login, "password": password, "totp": platform.totp(human).reveal().decode()}


async def test_signing_in_answers_a_token_that_works_from_the_same_client_only(platform, door):
    ada, _ = await platform.found("ada", "ben")
    platform.clock.advance(DAY)
    answer = await door.call("iam.session.create", typed(platform, ada))
    assert answer.status == 200
    ada.token = json.loads(answer.body)["token"]
    me = await door.call("iam.me.read", by=ada)
    assert json.loads(me.body)["id"] == ada.id
    assert (await door.call("iam.me.read", by=ada, client="evil/1")).status == 401
    assert (await door.call("iam.me.read", by=ada)).status == 401


async def test_a_refused_sign_in_is_an_entry_about_the_person_without_what_was_typed(platform, door):
    ada, _ = await platform.found("ada", "ben")
    refused = await door.call("iam.session.create", typed(platform, ada, "swordfish swordfish"))
    unknown = await door.call("iam.session.create", {"login": "swordfish", "password": "swordfish", "totp": "123456"})
    assert refused.status == unknown.status == 401
    one, two = (json.loads(answer.body) | {"operation": ""} for answer in (refused, unknown))
    assert {key: one[key] for key in ("title", "detail", "code")} == {
        key: two[key] for key in ("title", "detail", "code")
    }
    entries = [entry for entry in platform.entries("iam.session.create") if entry.outcome is Outcome.DENIED]
    assert [entry.resource.id for entry in entries] == [ada.id, "unknown"]
    assert "swordfish" not in repr(entries)


async def test_four_eyes_from_the_proposal_to_the_right(platform, door):
    """F-002, through the door: 202, approved by its digest, carried out once."""
    ada, ben = await platform.found("ada", "ben")
    chloe = await platform.person(ada, "chloe")
    wanted = {
        "identity": chloe.id,
        "role": "auditor",
        "scope": "platform",
        "ends_at": rfc3339(platform.clock.now() + DAY),
    }
    proposed = await door.fresh("iam.role.grant-privileged", wanted, by=ben)
    assert proposed.status == 202
    intent = json.loads(proposed.body)
    assert json.loads(intent["request"])["ends_at"] == wanted["ends_at"]
    path = {"id": intent["id"]}
    assert (await door.fresh("iam.approval.execute", by=ben, path=path)).status == 403
    own = await door.call("iam.approval.approve", {"digest": intent["digest"]}, by=ben, path=path)
    assert own.status == 403
    approved = await door.fresh("iam.approval.approve", {"digest": intent["digest"]}, by=ada, path=path)
    assert json.loads(approved.body)["state"] == "approved"
    assert (await door.fresh("iam.approval.execute", by=ada, path=path)).status == 403
    executed = await door.fresh("iam.approval.execute", by=ben, path=path)
    assert (executed.status, json.loads(executed.body)["role"]) == (200, "auditor")
    assert (await door.fresh("iam.approval.execute", by=ben, path=path)).status == 409
    outcomes = {entry.outcome: entry for entry in platform.entries("iam.role.grant-privileged")}
    granted = outcomes[Outcome.ALLOWED]
    assert granted.operation.approval == intent["id"]
    assert Role.AUDITOR.value == granted.details["role"]


async def test_every_operation_refuses_strangers(platform, door):
    await platform.found("ada", "ben")
    for spec in OPERATIONS:
        if spec.action:
            answer = await door.call(spec.name, {}, path={"id": "x", "identity": "x"})
            assert answer.status == 401, spec.name

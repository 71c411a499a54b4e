"""Recovery after the loss of a factor: by two others, complete, and told to everybody who should know."""

import json

import pytest

from nexus.iam.model import ENROLMENT_VALID, Role
from nexus.iam.requests.forms import ById
from nexus.iam.requests.humans import RecordSamePerson
from nexus.kernel.clock import DAY, Instant, rfc3339
from nexus.kernel.errors import Denied, Unauthenticated
from simulators.identity_door import IdentityDoor
from simulators.people import BROWSER, HOME, Human, open_platform


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
def door(platform):
    return IdentityDoor(platform)


async def recover(platform, by, second, whose):
    """Propose, approve, carry out; the invitation."""
    intent = await platform.call("iam.person.re-enrol", platform.op(by), ById(id=whose.id))
    await platform.approve(second, intent)
    return await platform.execute(platform.op(by), intent.id)


async def test_nothing_that_may_be_in_other_hands_works_any_more(platform, door):
    """Sessions, passkeys, password and code, access keys, service tokens: all end, also after she has enrolled again."""
    ada, ben = await platform.found("ada", "ben")
    dan = await platform.person(ada, "dan")
    await platform.grant(ben, dan.id, Role.RESEARCHER, "project:p")
    passkey = await door.register(dan)
    ends = rfc3339(Instant(platform.clock.now() + DAY))
    mine = {"identity": dan.id, "expires_at": ends}
    token = (await door.document("iam.token.create", mine | {"label": "x"}, by=dan))["token"]
    key = (await door.document("iam.access-key.create", mine | {"purpose": "research"}, by=dan))["id"]
    await platform.sign_in(ada)
    invitation = await recover(platform, ada, ben, dan)

    async def nothing_works():
        for bearer in (dan.token, token):
            assert (await door.call("iam.me.read", token=bearer)).status == 401
        with pytest.raises(Unauthenticated):
            platform.authenticator.access_key(key)
        assert (await door.sign_in(passkey)).status == 401
        typed = {"login": dan.login, "password": dan.password, "totp": platform.totp(dan).reveal().decode()}
        assert (await door.call("iam.session.create", typed)).status == 401

    await nothing_works()
    renewed = Human(dan.id, "dan", password="entirely other words", code=invitation.code)
    await platform.enrol(renewed)
    await nothing_works()
    await platform.sign_in(renewed)
    me = await door.document("iam.me.read", by=renewed)
    assert [grant["role"] for grant in me["grants"]] == ["researcher"]  # her rights stay


async def test_a_suspension_in_between_does_not_bring_the_lost_factors_back(platform):
    ada, ben = await platform.found("ada", "ben")
    dan = await platform.person(ada, "dan")
    await recover(platform, ada, ben, dan)
    for name in ("iam.person.suspend", "iam.person.resume"):
        await platform.call(name, platform.op(ada), ById(id=dan.id))
    with pytest.raises(Unauthenticated):
        await platform.sign_in(dan)


async def test_the_code_is_good_for_three_days(platform):
    ada, ben = await platform.found("ada", "ben")
    dan = await platform.person(ada, "dan")
    invitation = await recover(platform, ada, ben, dan)
    assert ENROLMENT_VALID == 3 * DAY
    assert invitation.expires_at == platform.clock.now() + ENROLMENT_VALID
    platform.clock.advance(ENROLMENT_VALID)
    with pytest.raises(Unauthenticated):
        await platform.enrol(Human(dan.id, "dan", code=invitation.code))


async def test_nobody_recovers_an_account_of_ones_own_by_a_second_one(platform):
    """Neither as the one who asks nor as the one who approves: two accounts of one human being are one pair of eyes."""
    ada, ben = await platform.found("ada", "ben")
    eve, other = await platform.person(ada, "eve"), await platform.person(ben, "other")
    await platform.grant_privileged(ben, ada, eve.id, Role.SECURITY_OFFICER)
    await platform.call("iam.same-person.record", platform.op(ada), RecordSamePerson(identity=eve.id, other=other.id))
    for by, second in ((eve, ben), (ben, eve)):
        with pytest.raises(Denied) as refused:
            await recover(platform, by, second, other)
        assert refused.value.code == "iam.same-person"
    assert await recover(platform, ada, ben, other)  # the control


async def test_the_person_and_the_security_officers_are_told(platform, door):
    ada, ben = await platform.found("ada", "ben")
    dan = await platform.person(ada, "dan")
    invitation = await recover(platform, ada, ben, dan)
    entry = platform.entries("iam.person.re-enrol")[-1]
    assert (entry.resource.id, entry.operation.approval is not None) == (dan.id, True)
    for officer in (ada, ben):
        told = await door.document("iam.notice.list", by=officer, path={"identity": officer.id})
        assert "recovery" in {notice["kind"] for notice in told["notices"]}
    renewed = Human(dan.id, "dan", code=invitation.code)
    await platform.enrol(renewed)
    await platform.sign_in(renewed, origin=HOME, client=BROWSER)
    told = await door.document("iam.notice.list", by=renewed, path={"identity": dan.id})
    assert {"re_enrolment", "new_factors"} <= {notice["kind"] for notice in told["notices"]}
    assert invitation.code.reveal().decode() not in json.dumps(told) + repr(platform.recorder.entries)

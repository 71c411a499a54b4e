"""Machines and the credentials that programs use: access keys and service tokens, each with an end."""

import pytest

from nexus.iam.authenticator import Authenticator
from nexus.iam.model import MAX_CREDENTIAL, Purpose, Role
from nexus.iam.requests.forms import ById, OfIdentity, Page
from nexus.iam.requests.machines import CreateAccessKey, CreateMachine, CreateToken
from nexus.kernel.clock import DAY, HOUR, Instant
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound, Unauthenticated
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret
from simulators.people import BROWSER, HOME, SEALING_KEY, Human, Platform, open_platform


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


def secret(text: str) -> Secret:
    return Secret(text.encode())


# Machines and their credentials


async def _access_key(platform: Platform, by: Human, identity: str, days: int = 30, purpose: str = "research"):
    request = CreateAccessKey(
        identity=identity, purpose=Purpose(purpose), expires_at=Instant(platform.clock.now() + days * DAY)
    )
    return await platform.call("iam.access-key.create", platform.op(by), request)


async def test_an_access_key_opens_to_its_secret_its_actor_and_its_purpose(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    new = await _access_key(platform, ada, ada.id)
    key = platform.authenticator.access_key(new.id)
    assert key.secret == new.secret
    assert (key.actor.id, key.actor.person, key.actor.session, key.purpose) == (ada.id, ada.id, None, "research")
    assert platform.authenticator.access_key(new.id) is key  # remembered, until rights change
    listed = await platform.call("iam.access-key.list", platform.op(ada), OfIdentity(identity=ada.id))
    assert [view.id for view in listed.access_keys] == [new.id]


async def test_a_credential_has_an_end_within_a_year(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    for days in (-1, 0, MAX_CREDENTIAL // DAY + 1):
        with pytest.raises(Invalid):
            await _access_key(platform, ada, ada.id, days=days)
    new = await _access_key(platform, ada, ada.id, days=1)
    platform.authenticator.access_key(new.id)
    platform.clock.advance(DAY)
    with pytest.raises(Unauthenticated) as refused:
        platform.authenticator.access_key(new.id)
    assert refused.value.code == "iam.unknown-access-key"


async def test_a_revoked_access_key_is_refused_by_every_process_at_its_next_request(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    new = await _access_key(platform, ada, ada.id)
    other_process = Authenticator(platform.db, platform.clock, SEALING_KEY)
    other_process.access_key(new.id)
    await platform.call("iam.access-key.revoke", platform.op(ada), ById(id=new.id))
    for authenticator in (platform.authenticator, other_process):
        with pytest.raises(Unauthenticated):
            authenticator.access_key(new.id)
    with pytest.raises(NotFound):
        await platform.call("iam.access-key.revoke", platform.op(ada), ById(id=new.id))


async def test_forgetting_wipes_the_opened_secrets(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    new = await _access_key(platform, ada, ada.id)
    opened = platform.authenticator.access_key(new.id).secret
    platform.authenticator.forget()
    assert len(opened) == 0
    assert platform.authenticator.access_key(new.id).secret == new.secret


async def test_only_the_owner_makes_the_credentials_of_a_machine(platform: Platform):
    ada, ben = await platform.found("ada", "ben")
    chloe = await platform.person(ada, "chloe")
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="pacs", owner=chloe.id))
    for stranger in (ada, ben):
        with pytest.raises(Denied):
            await _access_key(platform, stranger, machine.id)
    new = await _access_key(platform, chloe, machine.id, purpose="care")
    actor = platform.authenticator.access_key(new.id).actor
    assert (actor.id, actor.kind, actor.person) == (machine.id, "machine", chloe.id)


async def test_a_machine_stops_with_the_person_who_answers_for_it(platform: Platform):
    """RG-40: whoever leaves takes nothing along, not even through a program of hers."""
    ada, ben = await platform.found("ada", "ben")
    chloe = await platform.person(ada, "chloe")
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="pacs", owner=chloe.id))
    await platform.grant(ben, machine.id, Role.DATA_PROVIDER, "site:lyon")
    new = await _access_key(platform, chloe, machine.id, purpose="care")
    assert platform.authenticator.access_key(new.id)
    program = platform.authenticator.access_key(new.id).actor
    platform.gate.check(platform.op(program), "iam.me.read", PLATFORM)
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=chloe.id))
    with pytest.raises(Unauthenticated):
        platform.authenticator.access_key(new.id)
    with pytest.raises(Denied):  # nor what is under way already
        platform.gate.check(platform.op(program), "iam.me.read", PLATFORM)


async def test_a_machine_needs_an_active_person_as_owner(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    invited = await platform.invite(ada, "chloe")
    for owner in ("per_nobody", invited.id):
        with pytest.raises(NotFound):
            await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="pacs", owner=owner))


async def test_a_machine_is_suspended_resumed_and_deleted(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="pacs", owner=ada.id))
    new = await _access_key(platform, ada, machine.id)
    for story, works in (("suspend", False), ("resume", True), ("delete", False)):
        await platform.call(f"iam.machine.{story}", platform.op(ada), ById(id=machine.id))
        if works:
            platform.authenticator.access_key(new.id)
        else:
            with pytest.raises(Unauthenticated):
                platform.authenticator.access_key(new.id)
    assert (await platform.call("iam.machine.list", platform.op(ada), Page())).machines == ()


async def test_a_service_token_acts_for_its_identity_until_it_ends_or_is_revoked(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    ends = Instant(platform.clock.now() + HOUR)
    request = CreateToken(identity=ada.id, label="nightly report", expires_at=ends)
    first = await platform.call("iam.token.create", platform.op(ada), request)
    second = await platform.call("iam.token.create", platform.op(ada), request)
    actor = await platform.authenticator.session(first.token.reveal().decode(), "203.0.113.9", "curl/8")
    assert (actor.id, actor.session) == (ada.id, None)
    await platform.call("iam.token.revoke", platform.op(ada), ById(id=first.id))
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(first.token.reveal().decode(), HOME, BROWSER)
    listed = await platform.call("iam.token.list", platform.op(ada), OfIdentity(identity=ada.id))
    assert [(view.id, view.revoked) for view in listed.tokens] == [(first.id, True), (second.id, False)]
    platform.clock.advance(HOUR)
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(second.token.reveal().decode(), HOME, BROWSER)


async def test_a_program_cannot_breed_credentials(platform: Platform):
    """Whoever steals an access key cannot make himself another one that outlives it."""
    ada, _ = await platform.found("ada", "ben")
    stolen = platform.authenticator.access_key((await _access_key(platform, ada, ada.id)).id).actor
    ends = Instant(platform.clock.now() + DAY)
    with pytest.raises(Denied):
        request = CreateAccessKey(identity=ada.id, purpose=Purpose.RESEARCH, expires_at=ends)
        await platform.call("iam.access-key.create", platform.op(stolen), request)
    with pytest.raises(Denied):
        request = CreateToken(identity=ada.id, label="x", expires_at=ends)
        await platform.call("iam.token.create", platform.op(stolen), request)


async def test_credentials_in_force_are_limited(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    for _ in range(20):
        await _access_key(platform, ada, ada.id)
    with pytest.raises(Conflict):
        await _access_key(platform, ada, ada.id)

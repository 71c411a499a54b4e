"""Persons and machines: founding, enrolment, suspension, deletion, credentials."""

import asyncio

import pytest

from nexus.iam import totp
from nexus.iam.model import ENROLMENT_VALID, Founder, Purpose, Role
from nexus.iam.requests.forms import ById, Nothing, OfIdentity, Page
from nexus.iam.requests.machines import CreateAccessKey, CreateMachine
from nexus.iam.requests.persons import CreatePerson
from nexus.iam.requests.rights import ListGrants
from nexus.iam.requests.sessions import ChangePassword, ConfirmEnrolment, SignIn, StartEnrolment
from nexus.iam.rules import MAX_PAGE
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.errors import Conflict, Denied, Invalid, NexusError, NotFound, Throttled, Unauthenticated
from nexus.kernel.secret import Secret
from simulators.people import BOTH, BROWSER, HOME, PASSWORD, Human, Platform, open_platform


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


def secret(text: str) -> Secret:
    return Secret(text.encode())


# Founding


async def test_the_platform_is_founded_once(platform: Platform):
    assert not platform.service.founding.founded()
    ada, ben = await platform.found("ada", "ben")
    assert platform.service.founding.founded()
    with pytest.raises(Conflict):
        await platform.found("mallory", "trudy")
    [entry] = platform.entries("iam.founding")
    assert entry.details["persons"] == f"{ada.id} {ben.id}"


@pytest.mark.parametrize(
    "roles",
    [
        [BOTH],
        [BOTH, {Role.SECURITY_OFFICER}],
        [{Role.SECURITY_OFFICER}, {Role.SECURITY_OFFICER}],
        [BOTH, BOTH | {Role.RESEARCHER}],
        [],
    ],
)
async def test_founders_must_be_able_to_work_by_four_eyes(platform: Platform, roles):
    """F-002."""
    founders = [Founder(f"p{n:02}", "P", f"p{n}@x.example", frozenset(held)) for n, held in enumerate(roles)]
    with pytest.raises(Invalid):
        await platform.service.founding.found(platform.op(), founders)
    assert not platform.service.founding.founded()


async def test_one_person_is_not_two_founders(platform: Platform):
    twice = [Founder("ada", "Ada", "ada@x.example", BOTH), Founder("ada2", "Ada", "ADA@x.example", BOTH)]
    with pytest.raises(Conflict):
        await platform.service.founding.found(platform.op(), twice)
    assert not platform.service.founding.founded()


async def test_two_ceremonies_at_once_found_one_platform(platform: Platform):
    outcomes = await asyncio.gather(
        *(
            platform.service.founding.found(
                platform.op(),
                [Founder(f"{n}a0", "A", f"{n}a@x.example", BOTH), Founder(f"{n}b0", "B", f"{n}b@x", BOTH)],
            )
            for n in "xyz"
        ),
        return_exceptions=True,
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Conflict", "Conflict", "list"]


async def test_the_doctor_hears_of_missing_approvers_and_rights_that_end(platform: Platform):
    ada, ben = await platform.found("ada", "ben")
    assert platform.service.lacking_approvers() == {Role.AUDITOR: 0, Role.DATA_PROTECTION_OFFICER: 0}
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=ben.id))
    assert platform.service.lacking_approvers() == {
        Role.AUDITOR: 0,
        Role.DATA_PROTECTION_OFFICER: 0,
        Role.KEY_CUSTODIAN: 1,
        Role.SECURITY_OFFICER: 1,
    }
    assert platform.service.grants.ending_soon() == []
    platform.clock.advance(340 * DAY)
    assert len(platform.service.grants.ending_soon()) == 4


async def _access_key(platform: Platform, by: Human, identity: str, days: int = 30, purpose: str = "research"):
    request = CreateAccessKey(
        identity=identity, purpose=Purpose(purpose), expires_at=Instant(platform.clock.now() + days * DAY)
    )
    return await platform.call("iam.access-key.create", platform.op(by), request)


# Persons and their enrolment


async def test_a_person_enrols_with_a_password_and_a_second_factor(platform: Platform):
    """IN-10: no account without two factors."""
    ada, _ = await platform.found("ada", "ben")
    chloe = await platform.invite(ada, "chloe")
    with pytest.raises(Unauthenticated):
        await platform.call("iam.session.create", platform.op(), _guess(chloe))
    await platform.enrol(chloe)
    await platform.sign_in(chloe)
    assert chloe.actor.id == chloe.id
    assert [entry.operation.actor.id for entry in platform.entries("iam.enrolment.confirm")][-1] == chloe.id


def _guess(human: Human):
    return SignIn(login=human.login, password=secret(PASSWORD), totp=secret("000000"))


async def test_before_the_second_factor_is_proved_nobody_signs_in(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    chloe = await platform.invite(ada, "chloe")
    start = StartEnrolment(login="chloe", code=chloe.code, password=secret(PASSWORD))
    await platform.call("iam.enrolment.start", platform.op(), start)
    with pytest.raises(Unauthenticated):
        await platform.call("iam.session.create", platform.op(), _guess(chloe))
    confirm = ConfirmEnrolment(login="chloe", code=chloe.code, totp=secret("000000"))
    with pytest.raises(Unauthenticated):
        await platform.call("iam.enrolment.confirm", platform.op(), confirm)


async def test_an_enrolment_code_works_once_for_one_login_until_it_ends(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    chloe, dan = await platform.invite(ada, "chloe"), await platform.invite(ada, "dan")
    with pytest.raises(Unauthenticated):
        await platform.enrol(Human(dan.id, "dan", code=chloe.code))
    await platform.enrol(chloe)
    with pytest.raises(Unauthenticated):
        await platform.enrol(chloe)
    platform.clock.advance(ENROLMENT_VALID)
    with pytest.raises(Unauthenticated):
        await platform.enrol(dan)


async def test_enrolment_codes_cannot_be_guessed_at_leisure(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    chloe = await platform.invite(ada, "chloe")
    outcomes = []
    for _ in range(7):
        wrong = StartEnrolment(login="chloe", code=secret("AAAAA-AAAAA"), password=secret(PASSWORD))
        try:
            await platform.call("iam.enrolment.start", platform.op(origin="198.51.100.1"), wrong)
        except NexusError as error:
            outcomes.append(type(error))
    assert outcomes == [Unauthenticated] * 5 + [Throttled] * 2
    await platform.enrol(chloe)  # from elsewhere she is not held up


async def test_a_weak_password_is_refused_before_anything_else(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    chloe = await platform.invite(ada, "chloe")
    for weak in ("short", "chloe-has-a-cat", "motdepasse123"):
        start = StartEnrolment(login="chloe", code=chloe.code, password=secret(weak))
        with pytest.raises(Invalid):
            await platform.call("iam.enrolment.start", platform.op(), start)


async def test_one_login_and_one_address_belong_to_one_person(platform: Platform):
    """RG-39: no shared accounts."""
    ada, _ = await platform.found("ada", "ben")
    await platform.invite(ada, "chloe")
    for login, email in (
        ("chloe", "other@nexus.example"),
        ("chloe2", " CHLOE@nexus.example"),
        ("Ben", "b@nexus.example"),
    ):
        with pytest.raises(Conflict):
            request = CreatePerson(login=login, name="X", email=email)
            await platform.call("iam.person.create", platform.op(ada), request)


async def test_suspension_stops_everything_at_once_and_resuming_asks_for_a_new_sign_in(platform: Platform):
    """RG-40: leaver access = 0."""
    ada, _ = await platform.found("ada", "ben")
    chloe = await platform.person(ada, "chloe")
    key = await _access_key(platform, chloe, chloe.id)
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=chloe.id))
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(chloe.token, HOME, BROWSER)
    with pytest.raises(Unauthenticated):
        platform.authenticator.access_key(key.id)
    with pytest.raises(Denied):
        await platform.call("iam.me.read", platform.op(chloe), Nothing())
    with pytest.raises(Unauthenticated):
        await platform.sign_in(chloe)
    await platform.call("iam.person.resume", platform.op(ada), ById(id=chloe.id))
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(chloe.token, HOME, BROWSER)
    await platform.sign_in(chloe)
    assert platform.authenticator.access_key(key.id).actor.id == chloe.id


async def test_a_suspended_invitation_does_not_become_an_account_by_resuming(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    chloe = await platform.invite(ada, "chloe")
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=chloe.id))
    with pytest.raises(Unauthenticated):
        await platform.enrol(chloe)
    await platform.call("iam.person.resume", platform.op(ada), ById(id=chloe.id))
    view = await platform.call("iam.person.read", platform.op(ada), ById(id=chloe.id))
    assert view.state == "invited"


async def test_states_change_along_the_table_only(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    chloe = await platform.person(ada, "chloe")
    with pytest.raises(Conflict):
        await platform.call("iam.person.resume", platform.op(ada), ById(id=chloe.id))
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=chloe.id))
    with pytest.raises(Conflict):
        await platform.call("iam.person.suspend", platform.op(ada), ById(id=chloe.id))


async def test_deleting_a_person_needs_a_second_and_leaves_nothing_but_the_id(platform: Platform):
    ada, ben = await platform.found("ada", "ben")
    chloe = await platform.person(ada, "chloe")
    machine = await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="pacs", owner=chloe.id))
    await platform.grant(ben, chloe.id, Role.DATA_PROVIDER, "site:lyon")
    intent = await platform.call("iam.person.delete", platform.op(ada), ById(id=chloe.id))
    await platform.authenticator.session(chloe.token, HOME, BROWSER)  # not yet
    await platform.approve(ben, intent)
    await platform.execute(platform.op(ada), intent.id)
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(chloe.token, HOME, BROWSER)
    everybody = await platform.call("iam.person.list", platform.op(ada), Page())
    assert {person.login for person in everybody.persons} == {"ada", "ben"}
    gone = await platform.call("iam.person.read", platform.op(ada), ById(id=chloe.id))
    assert (gone.name, gone.login, gone.email) == ("", chloe.id, chloe.id)
    assert (await platform.call("iam.role.list", platform.op(ada), ListGrants(identity=chloe.id))).grants == ()
    seen = await platform.call("iam.machine.read", platform.op(ada), ById(id=machine.id))
    assert seen.state == "deleted"
    again = await platform.person(ada, "chloe")
    assert again.id != chloe.id


async def test_a_lost_factor_is_replaced_under_four_eyes_and_nothing_works_meanwhile(platform: Platform):
    ada, ben = await platform.found("ada", "ben")
    chloe = await platform.person(ada, "chloe")
    key = await _access_key(platform, chloe, chloe.id)
    intent = await platform.call("iam.person.re-enrol", platform.op(ada), ById(id=chloe.id))
    await platform.approve(ben, intent)
    invitation = await platform.execute(platform.op(ada), intent.id)
    with pytest.raises(Unauthenticated):
        await platform.sign_in(chloe)
    with pytest.raises(Unauthenticated):
        platform.authenticator.access_key(key.id)
    renewed = Human(chloe.id, "chloe", password="entirely other words", code=invitation.code)
    await platform.enrol(renewed)
    await platform.sign_in(renewed)
    with pytest.raises(Unauthenticated):
        platform.authenticator.access_key(key.id)  # it may be in other hands: she makes a new one
    with pytest.raises(Unauthenticated):
        await platform.sign_in(chloe)


async def test_changing_the_password_asks_for_both_factors_and_ends_other_sessions(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    elsewhere = ada.token
    await platform.sign_in(ada)
    platform.clock.advance(totp.STEP_S * 1_000_000)
    wrong = ChangePassword(
        identity=ada.id,
        password=secret("not the password"),
        new_password=secret("four new random words"),
        totp=platform.totp(ada),
    )
    with pytest.raises(Unauthenticated):
        await platform.call("iam.password.change", platform.op(ada), wrong)
    right = ChangePassword(
        identity=ada.id,
        password=secret(PASSWORD),
        new_password=secret("four new random words"),
        totp=platform.totp(ada),
    )
    await platform.call("iam.password.change", platform.op(ada), right)
    await platform.authenticator.session(ada.token, HOME, BROWSER)
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(elsewhere, HOME, BROWSER)
    ada.password = "four new random words"
    await platform.sign_in(ada)


async def test_lists_come_in_pages(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    for n in range(5):
        await platform.invite(ada, f"person{n}")
    seen, after = [], ""
    while page := (await platform.call("iam.person.list", platform.op(ada), Page(after=after, limit=3))).persons:
        seen += [person.login for person in page]
        after = page[-1].id
    assert sorted(seen) == ["ada", "ben", *(f"person{n}" for n in range(5))]
    with pytest.raises(Invalid):
        await platform.call("iam.person.list", platform.op(ada), Page(limit=MAX_PAGE + 1))


async def test_what_is_not_there_is_not_found(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    for name in (
        "iam.person.read",
        "iam.person.suspend",
        "iam.machine.read",
        "iam.access-key.revoke",
        "iam.session.end",
    ):
        with pytest.raises(NotFound):
            await platform.call(name, platform.op(ada), ById(id="per_nobody"))


async def test_every_change_and_every_reading_is_an_entry(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    chloe = await platform.person(ada, "chloe")
    before = len(platform.recorder.entries)
    await platform.call("iam.person.read", platform.op(ada), ById(id=chloe.id))
    await platform.call("iam.person.list", platform.op(ada), Page())
    await platform.call("iam.me.read", platform.op(chloe), Nothing())
    await platform.call("iam.session.list", platform.op(chloe), OfIdentity(identity=chloe.id))
    await platform.call("iam.role.list", platform.op(ada), ListGrants())
    assert len(platform.recorder.entries) == before + 5


async def test_without_the_log_nothing_is_read_or_changed(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    platform.recorder.broken = True
    for name, request in (
        ("iam.person.list", Page()),
        ("iam.person.create", CreatePerson(login="chloe", name="Chloe", email="c@nexus.example")),
    ):
        with pytest.raises(NexusError):
            await platform.call(name, platform.op(ada), request)
    platform.recorder.broken = False
    assert len((await platform.call("iam.person.list", platform.op(ada), Page())).persons) == 2


async def test_no_entry_holds_a_password_a_code_a_token_or_a_name(platform: Platform):
    ada, ben = await platform.found("ada", "ben")
    chloe = await platform.person(ada, "chloe")
    await platform.grant(ben, chloe.id, Role.RESEARCHER, "project:p")
    new = await _access_key(platform, chloe, chloe.id)
    text = " ".join(f"{entry.action} {entry.resource} {dict(entry.details)}" for entry in platform.recorder.entries)
    secrets = [PASSWORD, chloe.code.reveal().decode(), chloe.token, new.secret.reveal().decode(), "chloe", "Chloe"]
    assert [found for found in secrets if found in text] == []


async def test_what_has_ended_is_swept_away(platform: Platform):
    ada, _ = await platform.found("ada", "ben")
    await platform.invite(ada, "chloe")
    platform.clock.advance(200 * DAY)
    await platform.service.sweep()
    with platform.db.read() as tx:
        for table in ("iam_session", "iam_device", "iam_enrolment", "iam_attempt"):
            assert tx.one(f"SELECT count(*) FROM {table}") == (0,), table

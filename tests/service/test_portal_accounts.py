"""Patients' accounts: a code and a birth date open one, at the portal and nowhere else, and it opens nothing else.

Issue 4: a patient account that a hospital enrols by one-time code. NX-12, NX-17.
"""

from urllib.parse import parse_qs, urlparse

import pytest

from nexus.iam import patient_codes, totp
from nexus.iam.model import Role
from nexus.iam.patients import CODE_VALID, MAX_TRIES
from nexus.iam.requests.elevations import GrantEligibility
from nexus.iam.requests.forms import ById, Nothing, Page
from nexus.iam.requests.humans import RecordSamePerson
from nexus.iam.requests.machines import CreateMachine
from nexus.iam.requests.patients import ConfirmPatient, PatientPassword, PresentCode
from nexus.iam.requests.sessions import SignIn, StartEnrolment
from nexus.iam.store import identities
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Conflict, Denied, Invalid, NotFound, Throttled, Unauthenticated
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret
from simulators.patients import at_portal, enrol, invite, presenting
from simulators.people import PASSWORD, Platform, open_platform

ELSEWHERE = [f"198.51.100.{n}" for n in range(1, 250)]


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


async def begin(platform: Platform, patient, *, born: str = "1958-03-14", code: str = "", origin: str = "192.0.2.10"):
    op = at_portal(platform, origin=origin)
    return await platform.call("iam.patient.begin", op, PresentCode(**presenting(patient, born, code)))


def test_a_wrong_character_or_two_exchanged_ones_are_noticed_before_anything_is_sent():
    for _ in range(50):
        code = patient_codes.plain(patient_codes.new_code().reveal().decode())
        assert patient_codes.well_formed(f" {code[:5].lower()}-{code[5:]} ")
        for at in range(len(code)):
            for sign in patient_codes.ALPHABET:
                assert sign == code[at] or not patient_codes.well_formed(code[:at] + sign + code[at + 1 :])
            for other in range(at + 1, len(code) - 1):
                swapped = list(code)
                swapped[at], swapped[other] = swapped[other], swapped[at]
                assert code[at] == code[other] or not patient_codes.well_formed("".join(swapped))


async def test_a_telephone_makes_a_passkey_and_the_account_is_open(platform):
    patient = await enrol(platform, await invite(platform))
    assert patient.actor.person == patient.id and patient.actor.factors == {"passkey"}
    me = await platform.call("iam.me.read", at_portal(platform, patient.actor), Nothing())
    assert me.grants == () and me.name == "patient"
    assert platform.entries("iam.patient.with-passkey")[0].operation.actor.person == patient.id


async def test_without_a_passkey_a_password_and_a_code_of_an_authenticator_do(platform):
    patient = await invite(platform)
    op = at_portal(platform)
    chosen = PatientPassword(**presenting(patient), password=Secret(PASSWORD.encode()))
    answer = await platform.call("iam.patient.with-password", op, chosen)
    secret = Secret(parse_qs(urlparse(answer.otpauth_uri.reveal().decode()).query)["secret"][0].encode())
    with pytest.raises(Unauthenticated):
        wrong = ConfirmPatient(**presenting(patient), totp=Secret(b"000000"))
        await platform.call("iam.patient.confirm", op, wrong)
    code = totp.code_at(secret, totp.step_of(platform.clock.now())).encode()
    confirm = ConfirmPatient(**presenting(patient), totp=Secret(code))
    assert (await platform.call("iam.patient.confirm", op, confirm)).person == patient.id
    platform.clock.advance(30_000_000)
    later = totp.code_at(secret, totp.step_of(platform.clock.now())).encode()
    typed = SignIn(login=answer.login, password=Secret(PASSWORD.encode()), totp=Secret(later))
    with pytest.raises(Unauthenticated):  # at another door the right factors are wrong ones
        await platform.call("iam.session.create", platform.op(), typed)
    platform.clock.advance(30_000_000)
    typed = replace_totp(typed, totp.code_at(secret, totp.step_of(platform.clock.now())))
    assert (await platform.call("iam.session.create", at_portal(platform), typed)).person == patient.id


def replace_totp(typed: SignIn, code: str) -> SignIn:
    return SignIn(login=typed.login, password=typed.password, totp=Secret(code.encode()))


async def test_nobody_of_the_staff_signs_in_at_the_portal(platform):
    ada, _ = await platform.found("ada", "ben")
    platform.clock.advance(30_000_000)
    with pytest.raises(Unauthenticated) as refused:
        await platform.call("iam.session.create", at_portal(platform), platform.credentials(ada))
    assert refused.value.code == "iam.sign-in-refused"


async def test_a_code_works_once_and_for_two_weeks(platform):
    patient = await enrol(platform, await invite(platform))
    with pytest.raises(Unauthenticated):
        await begin(platform, patient)
    other = await invite(platform)
    platform.clock.advance(CODE_VALID)
    with pytest.raises(Unauthenticated):
        await begin(platform, other)


async def test_a_code_is_dead_after_ten_wrong_birth_dates_wherever_they_come_from(platform):
    patient = await invite(platform)
    for origin in ELSEWHERE[:MAX_TRIES]:
        with pytest.raises(Unauthenticated):
            await begin(platform, patient, born="1971-01-01", origin=origin)
    with pytest.raises(Unauthenticated):
        await begin(platform, patient, origin=ELSEWHERE[MAX_TRIES])


async def test_right_answers_use_up_no_try(platform):
    patient = await invite(platform)
    for _ in range(MAX_TRIES + 2):
        await begin(platform, patient)
    await enrol(platform, patient)


async def test_whoever_guesses_codes_has_to_wait(platform):
    patient = await invite(platform)
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await begin(platform, patient, code=patient_codes.new_code().reveal().decode())
    with pytest.raises(Throttled):
        await begin(platform, patient)
    await begin(platform, patient, origin=ELSEWHERE[0])  # nobody else has to


async def test_a_refusal_says_nothing_of_what_was_wrong(platform):
    patient = await invite(platform)
    said = set()
    for more in ({"born": "1971-01-01"}, {"code": patient_codes.new_code().reveal().decode()}, {"code": "x"}):
        with pytest.raises(Unauthenticated) as refused:
            await begin(platform, patient, **more)
        said.add((refused.value.code, refused.value.message, refused.value.hint))
    assert len(said) == 1


async def test_a_new_code_ends_what_opened_the_account_before(platform):
    """Recovery: the hospital makes a new code; the lost telephone is worth nothing from that moment."""
    patient = await enrol(platform, await invite(platform))
    again = await invite(platform, person=patient.id)
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(patient.token, "192.0.2.10", "browser/1")
    with pytest.raises(Unauthenticated):
        await begin(platform, patient)
    assert (await enrol(platform, again)).id == patient.id


async def test_a_letter_that_was_replaced_is_worth_nothing(platform):
    patient = await invite(platform)
    again = await invite(platform, person=patient.id)
    with pytest.raises(Unauthenticated):
        await begin(platform, patient)
    await begin(platform, again)


async def test_patients_enrol_at_the_portal_only_and_never_by_the_way_of_the_staff(platform):
    patient = await invite(platform)
    with pytest.raises(Denied):
        await platform.call("iam.patient.begin", platform.op(), PresentCode(**presenting(patient)))
    login = (await begin(platform, patient)).login
    start = StartEnrolment(login=login, code=patient.code, password=Secret(PASSWORD.encode()))
    with pytest.raises(Unauthenticated):  # it would leave the birth date out
        await platform.call("iam.enrolment.start", platform.op(), start)


async def test_a_patient_is_given_no_right_no_machine_no_other_name_and_no_staff_code(platform):
    ada, ben = await platform.found("ada", "ben")
    patient = await enrol(platform, await invite(platform))
    with pytest.raises(Conflict) as refused:
        await platform.grant(ada, patient.id, Role.RESEARCHER, "project:p")
    assert refused.value.code == "iam.patient-account"
    eligible = GrantEligibility(
        identity=patient.id,
        role=Role.RESEARCHER,
        scope="project:p",
        ends_at=platform.role("x", Role.RESEARCHER).ends_at,
    )
    for by, name, request in (
        (ada, "iam.eligibility.grant", eligible),
        (ada, "iam.machine.create", CreateMachine(name="m", owner=patient.id)),
        (ada, "iam.same-person.record", RecordSamePerson(identity=patient.id, other=ben.id)),
    ):
        with pytest.raises(Conflict):
            await platform.call(name, platform.op(by), request)


async def test_a_right_that_stands_in_the_database_all_the_same_is_worth_nothing(platform):
    ada, _ = await platform.found("ada", "ben")
    patient = await enrol(platform, await invite(platform))
    role = platform.role(patient.id, Role.SECURITY_OFFICER)

    def work(tx):
        tx.execute(
            "INSERT INTO iam_grant VALUES ('grt_x', ?, ?, 'platform', 0, ?, 'x', 0, NULL)",
            (patient.id, role.role.value, role.ends_at),
        )

    await platform.db.bookkeep(Bookkeeping.EXPIRY, work)
    for action in ("iam.person.create", "iam.person.list", "bastion.host.read"):
        with pytest.raises(Denied):
            platform.gate.check(at_portal(platform, patient.actor), action, PLATFORM)
    listed = await platform.call("iam.person.list", platform.op(ada), Page())
    assert patient.id not in {person.id for person in listed.persons}


async def test_a_session_of_a_patient_is_worth_nothing_at_other_doors_but_to_end_it(platform):
    patient = await enrol(platform, await invite(platform))
    for action in ("iam.machine.read", "iam.access-key.create", "iam.token.create", "iam.federation.link"):
        with pytest.raises(Denied):
            resource = platform.service.resources.identity(patient.id)
            platform.gate.check(platform.op(patient.actor), action, resource)
    await platform.call("iam.session.end", platform.op(patient.actor), ById(id=patient.actor.session))
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(patient.token, "192.0.2.10", "browser/1")


async def test_only_accounts_of_patients_are_invited_so_and_a_birth_date_is_one(platform):
    ada, _ = await platform.found("ada", "ben")
    with pytest.raises(NotFound):
        await invite(platform, person=ada.id)
    for wrong in ("14/03/1958", "1958-3-14", "1958-13-01", "58-03-14", "never"):
        with pytest.raises(Invalid):
            await invite(platform, born=wrong)
    with platform.db.read() as tx:
        assert identities.identity(tx, ada.id).state.value == "active"


async def test_neither_code_nor_birth_date_is_stored_or_recorded(platform, tmp_path):
    patient = await enrol(platform, await invite(platform))
    said = " ".join(str(entry) for entry in platform.recorder.entries)
    assert "1958" not in said and patient.code.reveal().decode() not in said
    with platform.db.read() as tx:
        rows = [*tx.all("SELECT * FROM iam_patient_code"), *tx.all("SELECT * FROM iam_person")]
    assert "1958" not in str(rows) and patient_codes.plain(patient.code.reveal().decode()) not in str(rows)

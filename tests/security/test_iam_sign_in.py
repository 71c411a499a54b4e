"""Attacks on signing in: guessing, enumerating, replaying, stealing, locking others out."""

import asyncio
import statistics
import time

import pytest

from nexus.iam import throttle
from nexus.iam.conditions import NO_CONDITIONS
from nexus.iam.model import SESSION_ABSOLUTE, SESSION_IDLE
from nexus.iam.passwords import Cost, Passwords
from nexus.iam.requests.forms import ById, OfIdentity
from nexus.iam.requests.sessions import SignIn
from nexus.iam.service import IdentityService
from nexus.kernel.clock import MINUTE
from nexus.kernel.database import Bookkeeping
from nexus.kernel.errors import Denied, NexusError, Throttled, Unauthenticated
from nexus.kernel.secret import Secret
from simulators.people import BROWSER, HOME, PARTY, PASSWORD, SEALING_KEY, SPECS, Human, Platform, open_platform

EVIL = "203.0.113.66"


def secret(text: str) -> Secret:
    return Secret(text.encode())


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


async def attempt(platform: Platform, request: SignIn, *, origin: str = HOME, client: str = BROWSER):
    """What an attempt to sign in answers: the session, or (kind, code, message, hint)."""
    try:
        return await platform.call("iam.session.create", platform.op(origin=origin, client=client), request)
    except NexusError as error:
        return type(error), error.code, error.message, error.hint


def typed(
    human: Human, platform: Platform, *, password: str = PASSWORD, code: Secret | None = None, device=None
) -> SignIn:
    return SignIn(login=human.login, password=secret(password), totp=code or platform.totp(human), device=device)


REFUSED = "iam.sign-in-refused"
# Enumeration


async def test_every_reason_for_a_refusal_gives_the_same_answer(platform):
    """IN-10. Nobody learns whether a login exists, or which of the factors was wrong."""
    ada, ben = await platform.found("ada", "ben")
    chloe = await platform.invite(ada, "chloe")
    dan = await platform.person(ada, "dan")
    await platform.call("iam.person.suspend", platform.op(ada), ById(id=dan.id))
    platform.clock.advance(MINUTE)
    answers = [
        await attempt(platform, SignIn(login="nobody", password=secret(PASSWORD), totp=secret("123456"))),
        await attempt(platform, typed(ada, platform, password="not the password")),
        await attempt(platform, typed(ben, platform, code=secret("000000"))),
        await attempt(platform, SignIn(login=chloe.login, password=secret(PASSWORD), totp=secret("123456"))),
        await attempt(platform, typed(dan, platform)),
        await attempt(platform, SignIn(login="", password=secret("x"), totp=secret("y"))),
    ]
    assert len(set(answers)) == 1
    assert answers[0][:2] == (Unauthenticated, REFUSED)


async def test_unknown_logins_are_throttled_like_known_ones(platform):
    await platform.found("ada", "ben")
    for login in ("ada", "nobody"):
        kinds = [
            (await attempt(platform, SignIn(login=login, password=secret("x"), totp=secret("123456")), origin=EVIL))[0]
            for _ in range(7)
        ]
        assert kinds == [Unauthenticated] * 5 + [Throttled] * 2


async def test_an_unknown_login_takes_as_long_as_a_known_one(tmp_path):
    """The work is the same, so the time is; measured with a hash that dominates it, in turns, by the median."""
    with open_platform(tmp_path) as platform:
        await platform.found("ada", "ben")
        slow = Passwords(Cost(memory_kib=8_192, passes=2, lanes=1))
        platform.service = IdentityService(
            platform.db,
            platform.clock,
            approvals=platform.approvals,
            sealing_key=SEALING_KEY,
            party=PARTY,
            passwords=slow,
        )
        hashed = await slow.hash(secret(PASSWORD))
        await platform.db.bookkeep(
            Bookkeeping.PROGRESS, lambda tx: tx.execute("UPDATE iam_person SET password_hash = ?", (hashed,))
        )
        times: dict[str, list[float]] = {"ada": [], "nobody": []}
        for n in range(40):
            login = ("ada", "nobody")[n % 2]
            request = SignIn(login=login, password=secret("wrong guess 1"), totp=secret("123456"))
            start = time.perf_counter()
            await attempt(platform, request, origin=f"198.51.100.{n}")
            times[login].append(time.perf_counter() - start)
        slow.close()
    known, unknown = statistics.median(times["ada"]), statistics.median(times["nobody"])
    assert 0.5 < known / unknown < 2


async def test_the_log_names_a_known_person_by_id_and_an_unknown_login_not_at_all(platform):
    ada, _ = await platform.found("ada", "ben")
    spec = SPECS["iam.session.create"]
    known = spec.resource(platform.service, SignIn(login=" ADA ", password=secret("x"), totp=secret("y")))
    unknown = spec.resource(platform.service, SignIn(login="typo-or-password", password=secret("x"), totp=secret("y")))
    assert (known.id, unknown.id) == (ada.id, "unknown")
    assert str(unknown) == "Identity:unknown"


async def test_a_request_never_shows_its_secrets(platform):
    await platform.found("ada", "ben")
    request = SignIn(login="ada", password=secret("swordfish swordfish"), totp=secret("123456"))
    assert "swordfish" not in repr(request)
    assert "123456" not in repr(request)


# Replay


async def test_a_code_signs_in_once(platform):
    ada, _ = await platform.found("ada", "ben")
    platform.clock.advance(MINUTE)
    request = platform.credentials(ada)
    first = await attempt(platform, request)
    assert first.person == ada.id
    assert (await attempt(platform, request))[1] == REFUSED
    assert (await attempt(platform, request, origin=EVIL, client="evil"))[1] == REFUSED


async def test_a_code_used_by_many_at_once_signs_in_one(platform):
    ada, _ = await platform.found("ada", "ben")
    platform.clock.advance(MINUTE)
    request = platform.credentials(ada)
    answers = await asyncio.gather(*(attempt(platform, request, origin=f"198.51.100.{n}") for n in range(8)))
    assert sum(not isinstance(answer, tuple) for answer in answers) == 1


async def test_an_older_code_does_not_come_after_a_newer_one(platform):
    ada, _ = await platform.found("ada", "ben")
    platform.clock.advance(MINUTE)
    older = platform.totp(ada, steps=-1)
    await platform.sign_in(ada)
    assert (await attempt(platform, typed(ada, platform, code=older)))[1] == REFUSED


async def test_the_code_of_enrolment_does_not_sign_in(platform):
    ada, _ = await platform.found("ada", "ben")
    chloe = await platform.invite(ada, "chloe")
    await platform.enrol(chloe)
    assert (await attempt(platform, typed(chloe, platform)))[1] == REFUSED


# Locking out


async def test_an_attackers_failures_elsewhere_never_stop_the_owner(platform):
    ada, _ = await platform.found("ada", "ben")
    for n in range(60):
        await attempt(
            platform, SignIn(login="ada", password=secret("guess"), totp=secret("123456")), origin=f"203.0.113.{n}"
        )
    platform.clock.advance(MINUTE)
    ada.device = None  # even from a device that never signed in
    assert (await attempt(platform, typed(ada, platform))).person == ada.id


async def test_an_attacker_behind_the_owners_own_address_does_not_stop_her_known_device(platform):
    """A whole hospital may share one address."""
    ada, _ = await platform.found("ada", "ben")
    for _ in range(10):
        answer = await attempt(platform, SignIn(login="ada", password=secret("guess"), totp=secret("123456")))
    assert answer[0] is Throttled
    platform.clock.advance(MINUTE)
    assert (await attempt(platform, typed(ada, platform, device=ada.device))).person == ada.id


async def test_a_device_token_of_somebody_else_opens_no_way_around_the_count(platform):
    ada, ben = await platform.found("ada", "ben")
    for _ in range(6):
        await attempt(platform, SignIn(login="ada", password=secret("guess"), totp=secret("123456")), origin=EVIL)
    for device in (ben.device, secret("nxd_invented")):
        answer = await attempt(platform, typed(ada, platform, device=device), origin=EVIL)
        assert answer[0] is Throttled


async def test_a_stolen_device_token_does_not_allow_guessing_without_end(platform):
    ada, _ = await platform.found("ada", "ben")
    guess = SignIn(login="ada", password=secret("guess"), totp=secret("123456"), device=ada.device)
    kinds = [(await attempt(platform, guess, origin=f"203.0.113.{n}"))[0] for n in range(7)]
    assert kinds == [Unauthenticated] * 5 + [Throttled] * 2


async def test_parallel_guesses_do_not_slip_through_the_count(platform):
    await platform.found("ada", "ben")
    guess = SignIn(login="ada", password=secret("guess"), totp=secret("123456"))
    answers = await asyncio.gather(*(attempt(platform, guess, origin=EVIL) for _ in range(20)))
    assert sum(answer[0] is Unauthenticated for answer in answers) == throttle.MAX_FAILURES


async def test_whoever_knows_the_password_cannot_guess_the_code_from_many_addresses(platform):
    ada, _ = await platform.found("ada", "ben")
    platform.clock.advance(MINUTE)
    kinds = []
    for n in range(14):
        answer = await attempt(platform, typed(ada, platform, code=secret("000000")), origin=f"203.0.113.{n}")
        kinds.append(answer[0])
    assert kinds == [Unauthenticated] * throttle.MAX_FACTOR_FAILURES + [Throttled] * 4
    assert (await attempt(platform, typed(ada, platform, device=ada.device))).person == ada.id


async def test_the_count_ends_with_its_window(platform):
    ada, _ = await platform.found("ada", "ben")
    for _ in range(6):
        answer = await attempt(
            platform, SignIn(login="ada", password=secret("guess"), totp=secret("123456")), origin=EVIL
        )
    assert answer[0] is Throttled
    platform.clock.advance(throttle.WINDOW)
    assert (await attempt(platform, typed(ada, platform), origin=EVIL)).person == ada.id


async def test_an_ipv6_client_does_not_multiply_itself(platform):
    await platform.found("ada", "ben")
    guess = SignIn(login="ada", password=secret("guess"), totp=secret("123456"))
    kinds = [(await attempt(platform, guess, origin=f"2001:db8:1:2::{n:x}"))[0] for n in range(1, 8)]
    assert kinds == [Unauthenticated] * 5 + [Throttled] * 2
    assert (await attempt(platform, guess, origin="2001:db8:1:3::1"))[0] is Unauthenticated


async def test_the_count_survives_a_restart(platform):
    await platform.found("ada", "ben")
    guess = SignIn(login="ada", password=secret("guess"), totp=secret("123456"))
    for _ in range(5):
        await attempt(platform, guess, origin=EVIL)
    again = Platform(platform.db, platform.clock, platform.recorder, NO_CONDITIONS)
    assert (await attempt(again, guess, origin=EVIL))[0] is Throttled
    again.service.close()


async def test_refusals_say_when_to_come_back(platform):
    await platform.found("ada", "ben")
    guess = SignIn(login="ada", password=secret("guess"), totp=secret("123456"))
    for _ in range(5):
        await attempt(platform, guess, origin=EVIL)
    with pytest.raises(Throttled) as refused:
        await platform.call("iam.session.create", platform.op(origin=EVIL), guess)
    assert refused.value.retry_after_s == throttle.WINDOW // 1_000_000


# Sessions


@pytest.mark.parametrize(("origin", "client"), [(EVIL, BROWSER), (HOME, "evil/1"), (EVIL, "evil/1"), (HOME, "")])
async def test_a_stolen_session_is_worthless_and_ends(platform, origin, client):
    ada, _ = await platform.found("ada", "ben")
    await platform.authenticator.session(ada.token, HOME, BROWSER)
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(ada.token, origin, client)
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(ada.token, HOME, BROWSER)
    [entry] = platform.entries("iam.session.use")
    assert (entry.outcome, entry.resource.id) == ("denied", ada.id)


async def test_a_session_ends_when_idle_and_in_any_case_after_its_time(platform):
    ada, ben = await platform.found("ada", "ben")
    platform.clock.advance(SESSION_IDLE)
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(ada.token, HOME, BROWSER)
    await platform.sign_in(ben)
    for _ in range(SESSION_ABSOLUTE // SESSION_IDLE * 2 - 1):
        platform.clock.advance(SESSION_IDLE // 2)
        await platform.authenticator.session(ben.token, HOME, BROWSER)
    platform.clock.advance(SESSION_IDLE // 2)
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(ben.token, HOME, BROWSER)


async def test_one_lists_and_ends_ones_own_sessions_and_nobody_elses(platform):
    ada, _ = await platform.found("ada", "ben")
    chloe = await platform.person(ada, "chloe")
    dan = await platform.person(ada, "dan")
    mine = (await platform.call("iam.session.list", platform.op(chloe), OfIdentity(identity=chloe.id))).sessions
    assert [(session.origin, session.client) for session in mine] == [(HOME, BROWSER)]
    with pytest.raises(Denied):
        await platform.call("iam.session.list", platform.op(dan), OfIdentity(identity=chloe.id))
    with pytest.raises(Denied):
        await platform.call("iam.session.end", platform.op(dan), ById(id=mine[0].id))
    await platform.call("iam.session.end", platform.op(chloe), ById(id=mine[0].id))
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(chloe.token, HOME, BROWSER)


@pytest.mark.parametrize("token", ["", "nxs_", "nxs_" + "A" * 43, "nxt_" + "A" * 43, "é", "' OR 1=1 --", "x" * 100_000])
async def test_invented_tokens_are_refused_with_one_answer(platform, token):
    await platform.found("ada", "ben")
    with pytest.raises(Unauthenticated) as refused:
        await platform.authenticator.session(token, HOME, BROWSER)
    assert refused.value.code == "iam.token-refused"


async def test_a_database_reader_finds_no_token_password_or_second_factor(platform, tmp_path):
    """What is stored is a hash, or sealed: whoever reads the tables cannot act as anybody."""
    ada, _ = await platform.found("ada", "ben")
    rows = []
    with platform.db.read() as tx:
        for (table,) in tx.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'iam_%'"):
            rows += tx.all(f"SELECT * FROM {table}")
    dump = repr(rows).encode()
    for canary in (
        ada.token,
        PASSWORD,
        ada.authenticator.reveal().decode(),
        ada.device.reveal().decode(),
        ada.code.reveal().decode(),
    ):
        assert canary.encode() not in dump


async def test_sessions_of_a_person_are_limited_and_the_oldest_gives_way(platform):
    ada, _ = await platform.found("ada", "ben")
    first = ada.token
    for _ in range(20):
        await platform.sign_in(ada)
    with pytest.raises(Unauthenticated):
        await platform.authenticator.session(first, HOME, BROWSER)
    await platform.authenticator.session(ada.token, HOME, BROWSER)


async def test_the_time_of_hashing_does_not_stop_the_door(tmp_path):
    """Hashes run beside the event loop: it goes on answering meanwhile."""
    pool = Passwords(Cost(memory_kib=32_768, passes=3, lanes=1))
    ticks = 0

    async def tick():
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(pool.hash(secret(f"password number {n}")) for n in range(4)))
    ticking.cancel()
    pool.close()
    assert ticks > 5

"""An outside issuer says that somebody left (back-channel logout): believed step by step, and for its own sessions only.

ASVS 5.0 10.5.5: neither a forged word nor a true one of an issuer keeps people out of what it did not let them into.
"""

import httpx
import pytest
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from test_iam_federation import SUBJECT, linked, sign_in

from nexus.iam.federation.farewells import Farewells
from nexus.iam.federation.http import PATH, FarewellRoute
from nexus.kernel.errors import Unauthenticated
from nexus.kernel.operation import Outcome
from simulators.outside_issuer import OutsideIssuerSimulator
from simulators.people import BROWSER, HOME, open_platform

ACTION = "iam.federation.farewell"


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        opened.outside = OutsideIssuerSimulator(opened.clock)
        issuers = [opened.outside.configured()]
        opened.federate(*issuers, transport=opened.outside.transport)
        told = Farewells(opened.db, opened.clock, issuers=issuers, transport=opened.outside.transport)
        opened.app = Starlette(routes=[FarewellRoute(told, opened.db, opened.clock).route()])
        yield opened


async def say(platform, token: str | None, **how) -> int:
    """The issuer calls; returns the status."""
    given = how or {"data": {"logout_token": token} if token is not None else {}}
    transport = httpx.ASGITransport(platform.app, client=("198.51.100.1", 9))
    async with httpx.AsyncClient(transport=transport, base_url="https://nexus.test") as http:
        answer = await http.post(PATH, **given)
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code


async def open_at(platform, token: str) -> bool:
    try:
        await platform.authenticator.session(token, HOME, BROWSER)
    except Unauthenticated:
        return False
    return True


async def came_in(platform, **claims) -> str:
    """A session that the issuer vouched for."""
    return (await sign_in(platform, **claims)).token.reveal().decode()


async def test_what_ended_at_the_issuer_ends_here_and_what_it_did_not_open_goes_on(platform):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    first, second = await came_in(platform, sid="s1"), await came_in(platform, sid="s2")
    assert await say(platform, platform.outside.farewell(sid="s1")) == 200
    assert [await open_at(platform, token) for token in (first, second, ada.token)] == [False, True, True]
    assert await say(platform, platform.outside.farewell(sub=SUBJECT)) == 200
    assert [await open_at(platform, token) for token in (second, ada.token)] == [False, True]
    entries = platform.entries(ACTION)
    assert [(entry.details["sessions"], entry.subject) for entry in entries] == [(1, ada.id), (1, ada.id)]
    await platform.service.sweep()
    with platform.db.read() as tx:
        assert tx.all("SELECT * FROM iam_federation_session") == []


async def test_subject_and_session_must_both_fit_where_both_are_named(platform):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    token = await came_in(platform, sid="s1")
    for claims in ({"sub": "somebody-else", "sid": "s1"}, {"sub": SUBJECT, "sid": "s9"}, {"sub": "nobody"}):
        assert await say(platform, platform.outside.farewell(**claims)) == 200  # nothing of it is open here
    assert await open_at(platform, token)
    assert await say(platform, platform.outside.farewell(sub=SUBJECT, sid="s1")) == 200
    assert not await open_at(platform, token)


LIES = [
    {"iss": "https://evil.example"},
    {"aud": "somebody-else"},
    {"aud": ["nexus", "somebody-else"]},
    {"exp": None},
    {"exp": 1_000},
    {"exp": 2**40},
    {"iat": None},
    {"iat": 2**40},
    {"jti": None},
    {"jti": ""},
    {"jti": 7},
    {"events": None},
    {"events": "http://schemas.openid.net/event/backchannel-logout"},
    {"events": {"http://schemas.openid.net/event/other": {}}},
    {"events": {"http://schemas.openid.net/event/backchannel-logout": 1}},
    {"nonce": "n"},
    {"sub": None},
    {"sub": "s" * 300},
]


async def test_a_farewell_that_says_one_thing_wrong_is_not_believed(platform):
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    token = await came_in(platform)
    for lie in LIES:
        assert await say(platform, platform.outside.farewell(**{"sub": SUBJECT, **lie})) == 400, lie
    for header in ({"typ": "JWT"}, {"typ": ""}, {"typ": "at+jwt"}, {"alg": "none"}):
        platform.outside.header = header
        assert await say(platform, platform.outside.farewell(sub=SUBJECT)) == 400, header
    platform.outside.header, platform.outside.signing = {"alg": "HS256"}, platform.outside.public_key_as_secret()
    assert await say(platform, platform.outside.farewell(sub=SUBJECT)) == 400
    platform.outside.header, platform.outside.signing = {}, ECKey.generate_key("P-256", parameters={"kid": "k1"})
    assert await say(platform, platform.outside.farewell(sub=SUBJECT)) == 400
    platform.outside.signing = None
    for odd in ("", "a.b.c", "x" * 40_000, None):
        assert await say(platform, odd) == 400
    assert await say(platform, None, json={"logout_token": platform.outside.farewell(sub=SUBJECT)}) == 400
    assert await open_at(platform, token)
    assert {entry.outcome for entry in platform.entries(ACTION)} == {Outcome.DENIED}
    assert await say(platform, platform.outside.farewell(sub=SUBJECT)) == 200  # the control
    assert not await open_at(platform, token)


async def test_a_farewell_counts_once(platform):
    """Kept by a thief, it would end the next session as well."""
    ada, _ = await platform.found("ada", "bob")
    await linked(platform, ada)
    await came_in(platform)
    farewell = platform.outside.farewell(sub=SUBJECT)
    assert await say(platform, farewell) == 200
    token = await came_in(platform)
    assert await say(platform, farewell) == 400
    assert await open_at(platform, token)


async def test_an_issuer_without_keys_is_asked_to_come_again(platform):
    ada, _ = await platform.found("ada", "bob")
    platform.outside.down = True
    assert await say(platform, platform.outside.farewell(sub=SUBJECT)) == 503
    assert await open_at(platform, ada.token)

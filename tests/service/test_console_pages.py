"""The console over the real identity services: signing in, seeing one's rights, changing the language, leaving."""

import pytest

from nexus.iam.model import Role
from nexus.kernel.operation import Outcome
from simulators.console import Console
from simulators.people import open_platform


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
def console(platform):
    return Console(platform)


async def test_two_factors_open_a_session_that_shows_rights_and_when_they_end(platform, console):
    """NX-09: the console signs people in with the same two factors as every door."""
    ada, ben = await platform.found("ada", "ben")
    emma = await platform.person(ada, "emma")
    await platform.grant(ben, emma.id, Role.DATA_STEWARD, "site:chu-lyon", days=30)
    browser = console.browser()
    home = await browser.sign_in(emma)
    assert home.status_code == 200 and home.url.path == "/"
    for shown in ("Emma", "data steward", "site:chu-lyon", "in 29 days", emma.id):
        assert shown in home.text
    entry = platform.entries("iam.me.read")[-1]
    assert (entry.operation.door, entry.operation.actor.id, entry.outcome) == ("console", emma.id, Outcome.ALLOWED)


async def test_somebody_without_rights_reads_how_to_get_some(platform, console):
    ada, _ = await platform.found("ada", "ben")
    browser = console.browser(language="fr")
    home = await browser.sign_in(await platform.person(ada, "chloe"))
    assert "Vous n'avez aucun droit" in home.text.replace("&#39;", "'") and '<html lang="fr">' in home.text


async def test_a_wrong_factor_is_refused_without_saying_which(platform, console):
    ada, _ = await platform.found("ada", "ben")
    browser = console.browser()
    answers = [
        await browser.sign_in(ada, **wrong)
        for wrong in ({"password": "wrong wrong wrong"}, {"code": "000000"}, {"login": "nobody"}, {"code": ""})
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert all('role="alert"' in answer.text and "Sign-in refused" in answer.text for answer in answers)
    assert browser.session is None
    assert all("wrong wrong" not in answer.text for answer in answers)


async def test_too_many_attempts_say_how_long_to_wait(platform, console):
    ada, _ = await platform.found("ada", "ben")
    browser = console.browser()
    for _ in range(30):
        answer = await browser.sign_in(ada, password="wrong wrong wrong")
        if answer.status_code == 429:
            break
    assert answer.status_code == 429 and "Too many attempts. Wait " in answer.text and "Wait 0 " not in answer.text


async def test_a_page_sends_strangers_to_sign_in_and_then_back(platform, console):
    ada, _ = await platform.found("ada", "ben")
    browser = console.browser()
    sent = await browser.get("/health?of=today")
    assert (sent.status_code, sent.headers["location"]) == (303, "/sign-in?next=%2Fhealth%3Fof%3Dtoday")
    there = await browser.sign_in(ada, next="/health?of=today")
    assert there.url.path == "/health"


async def test_who_comes_by_a_link_from_elsewhere_is_asked_once_more_from_here(platform, console):
    """Cookies are SameSite=Strict: the first request after a link in a mail carries none."""
    bounced = await console.browser().get("/health", **{"Sec-Fetch-Site": "cross-site"})
    assert bounced.status_code == 200 and 'content="0; url=/health"' in bounced.text


async def test_signing_out_ends_the_session_everywhere(platform, console):
    ada, _ = await platform.found("ada", "ben")
    browser = console.browser()
    await browser.sign_in(ada)
    stolen = browser.session
    left = await browser.post("/sign-out")
    assert "You are signed out." in left.text and browser.session is None
    browser.http.cookies.set("__Host-nexus-session", stolen)
    assert (await browser.get("/")).status_code == 303
    assert platform.entries("iam.session.end")[-1].operation.door == "console"


async def test_the_language_is_switched_and_remembered_and_the_reader_stays_on_the_page(platform, console):
    ada, _ = await platform.found("ada", "ben")
    browser = console.browser()
    await browser.sign_in(ada)
    assert '<html lang="en">' in (await browser.get("/")).text
    switched = await browser.post("/language", {"language": "fr", "next": "/?a=1"})
    assert '<html lang="fr">' in switched.text and str(switched.url).endswith("/?a=1")
    assert (await browser.post("/language", {"language": "xx"})).status_code == 400


async def test_a_sealed_platform_says_so_and_still_knows_who_is_signed_in(platform, console):
    ada, _ = await platform.found("ada", "ben")
    browser = console.browser()
    await browser.sign_in(ada)
    console.lease.held = False
    sealed = await browser.get("/")
    assert sealed.status_code == 503 and "nexus unseal" in sealed.text and "Ada" in sealed.text


async def test_an_error_page_names_the_operation_that_auditors_find(platform, console):
    ada, _ = await platform.found("ada", "ben")
    chloe = await platform.person(ada, "chloe")
    browser = console.browser()
    await browser.sign_in(chloe)
    refused = await browser.get("/health")
    (entry,) = [entry for entry in platform.entries("platform.status") if entry.outcome is Outcome.DENIED]
    assert refused.status_code == 403 and entry.operation.id in refused.text
    missing = await browser.get("/nothing/here")
    assert missing.status_code == 404 and "Home page" in missing.text
    assert (await browser.send("/", {})).status_code in (403, 405)

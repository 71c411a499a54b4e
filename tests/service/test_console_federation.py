"""Outside accounts in the console: linked after a fresh factor, a way in afterwards, ended at will."""

import html
import re
from urllib.parse import urlencode

import pytest

from simulators.console import Console
from simulators.outside_issuer import URL, OutsideIssuerSimulator
from simulators.people import open_platform

SUBJECT = "f1b2-subject"
COOKIE = "__Host-nexus-federation"


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        opened.outside = OutsideIssuerSimulator(opened.clock)
        opened.federate(opened.outside.configured(), transport=opened.outside.transport)
        yield opened


@pytest.fixture
def console(platform):
    return Console(platform)


@pytest.fixture
async def ada(platform):
    ada, _ = await platform.found("ada", "ben")
    return ada


def way_out(page: str) -> str:
    """The address that the page's link leads to."""
    found = re.search(rf'href="({re.escape(URL)}/authorize[^"]+)"', page)
    assert found, page
    return html.unescape(found[1])


async def come_back(browser, answer, **headers):
    return await browser.get(f"/federation/callback?{urlencode(answer)}", **headers)


async def link(platform, browser, ada):
    asked = await browser.post("/outside-accounts/begin", {"issuer": "chu"})
    assert asked.status_code == 401
    platform.clock.advance(30_000_000)
    last = browser.page[browser.page.rindex("<form", 0, browser.page.rindex('class="stack"')) :]
    hidden = {n: html.unescape(v) for n, v in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', last)}
    code = platform.totp(ada).reveal().decode()
    left = await browser.post("/outside-accounts/begin", {**hidden, "step-up-code": code})
    answer = platform.outside.sign_in(way_out(left.text), SUBJECT)
    return await come_back(browser, answer)


async def test_an_account_is_linked_after_a_fresh_factor_and_signs_in_from_then_on(platform, console, ada):
    browser = console.browser()
    await browser.sign_in(ada)
    assert "Link an account at Hospital" in (await browser.get("/outside-accounts")).text
    back = await link(platform, browser, ada)
    assert back.headers["location"] == "/outside-accounts"
    assert URL in (await browser.get("/outside-accounts")).text

    stranger = console.browser()
    assert "Sign in with Hospital" in (await stranger.get("/sign-in")).text
    left = await stranger.get("/federation/chu")
    assert "issuer.example" in left.text and "SameSite=lax" in left.headers["set-cookie"]
    answer = platform.outside.sign_in(way_out(left.text), SUBJECT)
    again = await come_back(stranger, answer, **{"Sec-Fetch-Site": "cross-site"})
    assert 'http-equiv="refresh"' in again.text and stranger.session is None, "asked once more, from here"
    assert (await come_back(stranger, answer)).headers["location"] == "/"
    assert stranger.session and COOKIE not in stranger.http.cookies
    assert "Ada" in (await stranger.get("/")).text


async def test_an_answer_opens_nothing_in_a_browser_that_did_not_ask(platform, console, ada):
    browser, victim = console.browser(), console.browser()
    await browser.sign_in(ada)
    await link(platform, browser, ada)
    attacker = console.browser()
    answer = platform.outside.sign_in(way_out((await attacker.get("/federation/chu")).text), SUBJECT)
    refused = await come_back(victim, answer)
    assert refused.status_code == 401 and victim.session is None
    await victim.get("/federation/chu")  # not even while it is itself on its way
    refused = await come_back(victim, answer)
    assert refused.status_code == 401 and victim.session is None


async def test_an_unknown_account_is_told_what_to_do_and_an_unlinked_one_opens_nothing(platform, console, ada):
    browser, stranger = console.browser(), console.browser()
    answer = platform.outside.sign_in(way_out((await stranger.get("/federation/chu")).text), "nobody-here")
    assert "link it from your account page" in (await come_back(stranger, answer)).text
    await browser.sign_in(ada)
    await link(platform, browser, ada)
    page = (await browser.get("/outside-accounts")).text
    (remove,) = re.findall(r'action="(/outside-accounts/fed_[^"]+/remove)"', page)
    await browser.post(remove)
    answer = platform.outside.sign_in(way_out((await stranger.get("/federation/chu")).text), SUBJECT)
    assert (await come_back(stranger, answer)).status_code == 401

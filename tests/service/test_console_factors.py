"""Fresh factors and passkeys in the console: one page asks for whatever is sensitive, and the form goes on."""

import html
import re

import pytest

from nexus.app.demo.passkey import SoftwarePasskey
from simulators.console import Console
from simulators.identity_door import IdentityDoor
from simulators.people import PARTY, open_platform


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
def console(platform):
    return Console(platform)


@pytest.fixture
async def ada(platform):
    ada, _ = await platform.found("ada", "ben")
    return ada


def asked_in(page: str) -> dict[str, str]:
    """What the page asks the authenticator for, as its script reads it."""
    form = re.search(r"<form[^>]* data-passkey=[^>]*>", page)
    assert form, page
    found = dict(re.findall(r'data-([a-z-]+)="([^"]*)"', form[0]))
    named = {"rp": "rp_id", "handle": "user_handle"}
    return {named.get(name, name): html.unescape(value) for name, value in found.items()}


def hidden_in(page: str) -> dict[str, str]:
    """The hidden fields of the last form."""
    last = page[page.rindex("<form", 0, page.rindex('class="stack"')) :]
    return {n: html.unescape(v) for n, v in re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', last)}


def code(platform, human) -> str:
    platform.clock.advance(30_000_000)
    return platform.totp(human).reveal().decode()


async def stepped_up(browser, platform, human, path, fields):
    """Send a form, prove a code on the page that asks for it, and go on."""
    asked = await browser.post(path, fields)
    assert (asked.status_code, "Prove a factor once more" in asked.text) == (401, True)
    return await browser.post(path, {**hidden_in(browser.page), "step-up-code": code(platform, human)})


async def register(browser, platform, human, name="blue key") -> SoftwarePasskey:
    passkey = SoftwarePasskey(PARTY.origin)
    await browser.get("/passkeys")
    page = await stepped_up(browser, platform, human, "/passkeys/begin", {"name": name})
    assert page.status_code == 200, page.text
    made = passkey.create(asked_in(page.text))
    listed = await browser.post("/passkeys", {"name": name, **made})
    assert listed.status_code == 200 and name in listed.text
    return passkey


async def test_a_passkey_is_registered_after_a_fresh_factor_and_then_signs_in_alone(platform, console, ada):
    """Issue 3: sign in with a passkey; NX-09."""
    browser = console.browser()
    await browser.sign_in(ada)
    passkey = await register(browser, platform, ada)
    await browser.post("/sign-out")
    page = await browser.get("/sign-in/passkey?next=/passkeys")
    answer = passkey.get(asked_in(page.text))
    before = browser.session
    home = await browser.post("/sign-in/passkey", {**answer, "next": "/passkeys"})
    assert home.url.path == "/passkeys" and "blue key" in home.text
    assert browser.session not in {None, before}
    assert platform.entries("iam.session.create")[-1].operation.door == "console"


async def test_a_passkey_of_nobody_is_refused_and_may_be_tried_again(platform, console, ada):
    browser = console.browser()
    page = await browser.get("/sign-in/passkey")
    stranger = SoftwarePasskey(PARTY.origin)
    stranger.rp_id = PARTY.id
    refused = await browser.post("/sign-in/passkey", stranger.get(asked_in(page.text)))
    assert refused.status_code == 401 and "The passkey was refused" in refused.text
    assert asked_in(refused.text)["challenge"] != asked_in(page.text)["challenge"]
    assert browser.session is None
    nonsense = await browser.post("/sign-in/passkey", {"credential": "é", "client_data": "?"})
    assert nonsense.status_code == 401


async def test_removing_asks_for_a_fresh_factor_by_passkey_too(platform, console, ada):
    browser = console.browser()
    await browser.sign_in(ada)
    passkey = await register(browser, platform, ada)
    page = await browser.get("/passkeys")
    path = re.search(r'action="(/passkeys/psk_[^"]+/remove)"', page.text)[1]
    asked = await browser.post(path)
    assert asked.status_code == 401
    form = asked_in(asked.text)
    assert form["prefix"] == "step-up-" and form["allow"]
    answer = {f"step-up-{name}": value for name, value in passkey.get(form).items()}
    left = await browser.post(path, {"step-up-digest": hidden_in(asked.text)["step-up-digest"], **answer})
    assert left.status_code == 200 and "You have no passkey yet" in left.text


async def test_a_wrong_code_asks_again_and_loses_nothing_of_the_form(platform, console, ada):
    browser = console.browser()
    await browser.sign_in(ada)
    await browser.get("/passkeys")
    await browser.post("/passkeys/begin", {"name": "<b>key</b>"})
    again = await browser.post("/passkeys/begin", {**hidden_in(browser.page), "step-up-code": "000000"})
    assert again.status_code == 401 and "The factor was refused" in again.text
    assert hidden_in(again.text)["name"] == "<b>key</b>" and "<b>key" not in again.text
    page = await browser.post("/passkeys/begin", {**hidden_in(again.text), "step-up-code": code(platform, ada)})
    assert page.status_code == 200 and 'data-passkey="create"' in page.text


async def test_a_form_that_changed_after_it_was_asked_about_is_asked_about_anew(platform, console, ada):
    browser = console.browser()
    await browser.sign_in(ada)
    await browser.get("/passkeys")
    await browser.post("/passkeys/begin", {"name": "mine"})
    changed = {**hidden_in(browser.page), "name": "thief's", "step-up-code": code(platform, ada)}
    again = await browser.post("/passkeys/begin", changed)
    assert again.status_code == 401 and "Prove a factor once more" in again.text
    assert platform.entries("iam.step-up.use")[-1].details["reason"] == "for other content"


async def test_whoever_guesses_codes_is_stopped(platform, console, ada):
    browser = console.browser()
    await browser.sign_in(ada)
    await browser.get("/passkeys")
    await browser.post("/passkeys/begin", {"name": "mine"})
    statuses = []
    for _ in range(7):
        digest = re.search(r'name="step-up-digest" value="([0-9a-f]+)"', browser.page)
        fields = {"name": "mine", "step-up-digest": digest[1] if digest else "a" * 64, "step-up-code": "000000"}
        statuses.append((await browser.post("/passkeys/begin", fields)).status_code)
    assert statuses[0] == 401 and statuses[-1] in {429, 403}


async def test_the_door_and_the_console_know_one_another(platform, console, ada):
    """What is registered in the browser proves a factor over REST as well: one place keeps it."""
    browser = console.browser()
    await browser.sign_in(ada)
    passkey = await register(browser, platform, ada)
    await platform.sign_in(ada)
    assert await IdentityDoor(platform).proof(ada, "a" * 64, passkey)


async def test_both_languages_are_spoken(platform, console, ada):
    browser = console.browser(language="fr")
    page = await browser.get("/sign-in/passkey")
    assert "Connexion par passkey" in page.text
    await browser.sign_in(ada)
    await browser.get("/passkeys")
    asked = await browser.post("/passkeys/begin", {"name": "clé bleue"})
    assert "Prouvez un facteur de nouveau" in asked.text

"""Passkeys in a real browser with a virtual authenticator: registered, signed in with, and asked for a fresh factor.

The authenticator is Chromium's own (resident keys, user verification); the script, the pages and the platform are real.
"""

import pytest
from playwright.sync_api import expect

from simulators.accessibility import DESKTOP, PHONE, violations_at
from simulators.chromium import Watched, chromium, profile, trusting

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture(scope="module")
def browser(home):
    with chromium(trusting(home)) as browser:
        yield browser


@pytest.fixture(scope="module")
def watched(browser, home):
    watched = Watched(profile(browser), home)
    yield watched
    watched.page.context.close()
    assert watched.complaints == []


@pytest.fixture(scope="module")
def page(watched):
    return watched.page


@pytest.fixture(scope="module")
def authenticator(page):
    """The DevTools session that holds the authenticator, and its id."""
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    made = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    return devtools, made["authenticatorId"]


@pytest.fixture(scope="module")
def bruno(platform):
    return platform.founder("bruno")


def heading(page, text):
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def test_a_passkey_is_registered_with_a_fresh_factor(page, home, bruno, authenticator, picture, by_typing, prove):
    """Issue 3: factors, in the browser."""
    by_typing(page, home, bruno)
    heading(page, "My rights")
    page.get_by_role("link", name="My passkeys").click()
    page.get_by_label("What do you call it?").fill("virtual key")
    page.get_by_role("button", name="Go on").click()
    heading(page, "Prove a factor once more")
    prove(page, bruno)
    heading(page, "My passkeys")
    expect(page.get_by_role("rowheader", name="virtual key")).to_be_visible()
    picture(page, "passkeys")
    assert violations_at(page, DESKTOP, PHONE) == []
    devtools, known = authenticator
    [credential] = devtools.send("WebAuthn.getCredentials", {"authenticatorId": known})["credentials"]
    assert credential["isResidentCredential"] and credential["rpId"] == "localhost"


def test_the_passkey_alone_signs_in_without_login_or_password(page, home, bruno, authenticator, picture):
    page.get_by_role("button", name="Sign out").click()
    page.goto(home + "/passkeys")
    page.get_by_role("link", name="Use a passkey instead").click()
    heading(page, "My passkeys")
    expect(page.locator(".who")).to_contain_text("Bruno Petit")


def test_what_is_sensitive_takes_the_passkey_once_more_and_then_happens(page, authenticator):
    page.get_by_role("button", name="Remove virtual key").click()
    heading(page, "Prove a factor once more")
    page.get_by_role("button", name="Use your passkey").click()
    heading(page, "My passkeys")
    expect(page.get_by_role("rowheader", name="virtual key")).to_have_count(0)


def test_a_passkey_that_the_platform_does_not_know_is_refused_and_code_remains(page, home, authenticator):
    page.get_by_role("button", name="Sign out").click()
    page.goto(home + "/sign-in/passkey")
    expect(page.get_by_role("alert").filter(has_text="The passkey was refused")).to_be_visible()
    page.get_by_role("link", name="Sign in with password and code").click()
    expect(page.get_by_label("Password")).to_be_visible()


def test_without_an_authenticator_the_page_says_so_and_stays_usable(page, home, authenticator):
    devtools, known = authenticator
    devtools.send("WebAuthn.removeVirtualAuthenticator", {"authenticatorId": known})
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})  # an empty one
    page.goto(home + "/sign-in/passkey")
    expect(page.get_by_role("alert").filter(has_text="No passkey answered")).to_be_visible()
    expect(page.get_by_role("button", name="Use your passkey")).to_be_enabled()

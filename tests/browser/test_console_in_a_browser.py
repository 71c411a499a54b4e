"""The console in a real browser over a real platform: what people see and do, by keyboard and by accessible name."""

import re

import pytest
from playwright.sync_api import expect

from simulators.chromium import Watched, profile
from simulators.installation import PASSWORD


@pytest.fixture(scope="module")
def home(platform):
    return platform.status()["console"]


@pytest.fixture
def open_page(browser, home):
    """`open_page(language)`: a page in a fresh profile; at the end, nothing was blocked and nothing came from elsewhere."""
    opened = []

    def open_one(language="en-GB", **more):
        watched = Watched(profile(browser, language, **more), home)
        opened.append(watched)
        return watched.page

    yield open_one
    complaints = [complaint for watched in opened for complaint in watched.complaints]
    for watched in opened:
        watched.page.context.close()
    assert complaints == []


def sign_in(page, home, person, path="/"):
    page.goto(home + path)
    page.get_by_label(re.compile("Login|Identifiant")).fill(person.login)
    page.get_by_label(re.compile("Password|Mot de passe")).fill(PASSWORD)
    page.get_by_label(re.compile("Six-digit|six chiffres")).fill(person.fresh_code())
    page.get_by_role("main").get_by_role("button", name=re.compile("Sign in|Se connecter")).click()
    expect(page.get_by_role("navigation")).to_be_visible()


def test_somebody_signs_in_by_keyboard_alone_and_sees_rights_and_health(platform, home, open_page, picture):
    """Issue 3: sign in with password and TOTP, my rights and when they end, platform health."""
    alice = platform.founder("alice")
    page = open_page()
    page.goto(home)
    picture(page, "sign-in")
    page.keyboard.type(alice.login)
    for typed in (PASSWORD, alice.fresh_code()):
        page.keyboard.press("Tab")
        page.keyboard.type(typed)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("My rights")
    expect(page.get_by_role("rowheader", name="security officer")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    picture(page, "my-rights")
    page.get_by_role("link", name="Platform health").click()
    expect(page.get_by_role("rowheader", name="console", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Platform health")).to_have_attribute("aria-current", "page")
    picture(page, "health")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")


def test_a_french_browser_is_spoken_to_in_french_and_the_switch_changes_it(platform, home, open_page):
    bruno = platform.founder("bruno")
    page = open_page("fr-FR")
    sign_in(page, home, bruno)
    expect(page.get_by_role("heading", level=1)).to_have_text("Mes droits")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("My rights")
    assert page.locator("html").get_attribute("lang") == "en"

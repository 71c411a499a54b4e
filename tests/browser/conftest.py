"""A browser and a platform for the stories of the console; pictures for the documentation where they are asked for."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from simulators.chromium import WAIT_MS, Watched, chromium, profile
from simulators.installation import PASSWORD

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "images" / "console"
COLOURS = 128
expect.set_options(timeout=WAIT_MS)  # the same patience for what is expected as for what is done
TALLEST = 1400
"""Pixels of a picture of a whole page: what lies below says nothing more."""


def pytest_addoption(parser):
    parser.addoption("--pictures", action="store_true", help="write the pictures of docs/images/console again")


@pytest.fixture(scope="module")
def browser():
    """For one file only: while it is there, its event loop runs, and tests of coroutines elsewhere could not."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def picture(request):
    """`picture(page, name)`: keeps a picture of the page for the documentation, where `--pictures` was given.

    `whole`: the whole page, as tall as it is, instead of what the window shows.
    """

    def take(page, name, *, whole=False):
        if not request.config.getoption("--pictures"):
            return
        PICTURES.mkdir(parents=True, exist_ok=True)
        before = page.viewport_size
        if whole:
            height = page.evaluate("document.documentElement.scrollHeight")
            page.set_viewport_size({"width": before["width"], "height": min(max(height, before["height"]), TALLEST)})
        page.evaluate("window.scrollTo(0, 0)")
        keep(page.screenshot(animations="disabled"), PICTURES / f"{name}.png")
        page.set_viewport_size(before)

    return take


def keep(shot, path):
    """Write a picture with a palette: a third of its size, and to the eye the same."""
    Image.open(BytesIO(shot)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


@pytest.fixture(scope="module")
def home(platform):
    return platform.status()["console"]


@pytest.fixture(scope="module")
def signed_in(browser, home, platform):
    """`signed_in(login)`: a page of a person who signed in once, by typing; each keeps her own profile."""
    watched = {}

    def person(login, language="en-GB", who=None):
        if (login, language) not in watched:
            watched[login, language] = one = Watched(profile(browser, language), home)
            sign_in(one.page, home, who or platform.founder(login))
        return watched[login, language].page

    yield person
    complaints = [complaint for one in watched.values() for complaint in one.complaints]
    for one in watched.values():
        one.page.context.close()
    assert complaints == [], "nothing was blocked, nothing came from elsewhere"


@pytest.fixture(scope="session")
def prove():
    """`prove(page, person)`: a fresh factor, where the platform asks for one."""

    def prove(page, person):
        for _ in range(CODES_TRIED):
            page.wait_for_load_state()
            if not page.locator("[name=step-up-code]").count():
                return
            page.locator("[name=step-up-code]").fill(person.fresh_code())
            with page.expect_navigation():
                page.locator("form:has([name=step-up-code]) button").click()

    return prove


@pytest.fixture(scope="session")
def by_typing():
    """`by_typing(page, home, person)`: signs in on a page of the test's own."""
    return sign_in


CODES_TRIED = 2
"""On a machine that others share, a code may have gone by before the form arrives."""


def sign_in(page, home, person):
    """By keyboard alone: the first field has the focus, Tab leads to the others, Enter sends the form."""
    menu, refused = page.get_by_role("navigation", name="Menu"), page.get_by_role("alert")
    page.goto(home)
    for _ in range(CODES_TRIED):
        expect(page.locator("[name=login]")).to_be_focused()
        page.locator("[name=login]").fill("")
        page.keyboard.type(person.login)
        for typed in (PASSWORD, person.fresh_code()):
            page.keyboard.press("Tab")
            page.keyboard.type(typed)
        page.keyboard.press("Enter")
        expect(menu.or_(refused).first).to_be_visible()
        if menu.is_visible():
            break
        page.goto(home)
    expect(page.get_by_role("navigation", name="Menu")).to_be_visible()

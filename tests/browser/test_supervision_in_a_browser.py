"""Supervision in a real browser: the access review, break-glass, a factor asked for in words, and outside issuers.

The console is the real one behind real TLS, over the real identity services with a clock of the test's own.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect

from nexus.iam.model import EligibilityKind, Role
from nexus.iam.requests.elevations import GrantEligibility
from nexus.iam.requests.reviews import OpenReview
from nexus.kernel.clock import DAY, MINUTE, Instant, rfc3339
from simulators.accessibility import DESKTOP, PHONE, violations_at
from simulators.chromium import Watched, profile
from simulators.console import Console
from simulators.outside_issuer import OutsideIssuerSimulator
from simulators.people import Human, Platform, open_platform
from simulators.tls_door import free_port, listening

PAGES = ("/reviews", "/reviews?verdict=renewed", "/break-glass", "/agreements", "/outside-accounts", "/sign-in")


@dataclass(frozen=True)
class Hospital:
    """A console at an address, and its people."""

    home: str
    platform: Platform
    people: dict[str, Human]


async def settle(platform: Platform) -> dict[str, Human]:
    """Two officers, a doctor with a right and an emergency grant, and a review under way."""
    ada, ben = await platform.found("ada", "ben")
    doctor = await platform.person(ada, "doc")
    await platform.grant(ben, doctor.id, Role.RESEARCHER, "site:lyon")
    request = GrantEligibility(
        identity=doctor.id,
        role=Role.DATA_PROVIDER,
        scope="site:lyon",
        ends_at=Instant(platform.clock.now() + 60 * DAY),
        kind=EligibilityKind.EMERGENCY,
    )
    await platform.call("iam.eligibility.grant", platform.op(ben), request)
    await platform.call("iam.review.open", platform.op(ada), OpenReview(days=30))
    return {"ada": ada, "ben": ben, "doc": doctor}


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    """Settled on a thread of its own: the browser's event loop runs in this one."""
    folder = tmp_path_factory.mktemp("sup")
    with open_platform(folder) as platform, ThreadPoolExecutor(1) as apart:
        outside = OutsideIssuerSimulator(platform.clock)
        platform.federate(outside.configured(), transport=outside.transport)
        people = apart.submit(asyncio.run, settle(platform)).result()
        port = free_port()
        console = Console(platform, origin=f"https://localhost:{port}")
        with listening(console, folder, port=port):
            yield Hospital(console.origin, platform, people)


@pytest.fixture(scope="module")
def page_of(browser, hospital):
    """`page_of(login, language)`: a page of somebody who is signed in; each has a profile of her own."""
    watched = {}

    def page(login, language="en-GB"):
        if (login, language) not in watched:
            watched[login, language] = one = Watched(profile(browser, language), hospital.home)
            person = hospital.people[login]
            one.page.goto(hospital.home)
            for name, typed in (
                ("login", login),
                ("password", person.password),
                ("code", fresh_code(hospital, person)),
            ):
                one.page.locator(f"[name={name}]").first.fill(typed)
            one.page.keyboard.press("Enter")
            expect(one.page.get_by_role("navigation").first).to_be_visible()
        return watched[login, language].page

    yield page
    complaints = [complaint for one in watched.values() for complaint in one.complaints]
    for one in watched.values():
        one.page.context.close()
    assert complaints == [], "nothing was blocked, nothing came from elsewhere"


def fresh_code(hospital, person):
    hospital.platform.clock.advance(MINUTE // 2)
    return hospital.platform.totp(person).reveal().decode()


def test_a_doctor_breaks_the_glass_and_an_officer_judges_it(page_of, picture):
    """Issue 3: break-glass that alarms and opens a review."""
    doctor, officer = page_of("doc", "fr-FR"), page_of("ben")
    doctor.get_by_role("link", name="Accès d'urgence", exact=True).click()
    doctor.get_by_label("Pourquoi").fill("Le système du service est en panne, une patiente est en réanimation")
    doctor.get_by_label("Pour", exact=True).select_option("care")
    picture(doctor, "break-glass-fr")
    doctor.get_by_role("button", name="Briser la glace").click()
    expect(doctor.get_by_role("button", name="Fermer maintenant")).to_be_visible()
    expect(doctor.get_by_text("le vôtre : une autre personne en juge")).to_be_visible()

    officer.get_by_role("link", name="Emergency access", exact=True).click()
    expect(officer.get_by_text("Judge before")).to_be_visible()
    picture(officer, "break-glass")
    officer.get_by_label("What you found").fill("The ward confirmed the outage and the patient")
    officer.get_by_role("button", name="Justified", exact=True).click()
    expect(officer.get_by_role("status")).to_contain_text("Done")
    expect(officer.get_by_role("row").filter(has_text="The ward confirmed")).to_contain_text("justified")


def test_an_officer_keeps_what_he_answers_for(page_of, picture):
    """Issue 3: access review."""
    officer = page_of("ben")
    officer.get_by_role("link", name="Access review").click()
    expect(officer.get_by_text("yours: somebody else judges it").first).to_be_visible()
    picture(officer, "review")
    before = officer.get_by_role("button", name="Keep").count()
    officer.get_by_role("row").filter(has_text="researcher").get_by_role("button", name="Keep").click()
    expect(officer.get_by_role("status")).to_contain_text("Done")
    expect(officer.get_by_role("button", name="Keep")).to_have_count(before - 1)
    officer.get_by_role("link", name="renewed").click()
    expect(officer.get_by_role("row").filter(has_text="researcher")).to_have_count(1)
    french = page_of("ada", "fr-FR")
    french.get_by_role("link", name="Revue des accès").click()
    expect(french.get_by_role("button", name="Garder").first).to_be_visible()
    picture(french, "review-fr")


@pytest.mark.parametrize(
    ("login", "language", "word", "said"), [("ben", "en-GB", "auditor", ""), ("ada", "fr-FR", "auditeur", "-fr")]
)
def test_a_factor_is_asked_for_in_words(page_of, hospital, picture, login, language, word, said):
    """Step-up: what is about to happen stands on the page, not only its digest."""
    page, whose = page_of(login, language), hospital.people["ben" if login == "ada" else "ada"]
    page.goto(hospital.home + "/operations/iam.role.grant-privileged")
    page.locator("[name=identity]").select_option(whose.id)
    page.locator("[name=role]").select_option("auditor")
    page.locator("[name=scope]").fill("platform")
    page.locator("[name=ends_at]").fill(rfc3339(hospital.platform.clock.now() + 90 * DAY)[:16])
    page.locator("main form").get_by_role("button").last.click()
    expect(page.locator("[name=step-up-code]")).to_be_visible()
    expect(page.locator("section").filter(has_text=whose.id)).to_contain_text(word)
    assert violations_at(page, DESKTOP, PHONE) == []
    picture(page, f"step-up{said}")


@pytest.mark.parametrize(("language", "words", "said"), [("en-GB", "Hospital", ""), ("fr-FR", "Hôpital", "-fr")])
def test_the_sign_in_page_offers_outside_issuers(browser, hospital, picture, language, words, said):
    """Issue 3: federation by configuration."""
    page = profile(browser, language).new_page()
    page.goto(hospital.home + "/sign-in")
    expect(page.get_by_role("link", name=words)).to_be_visible()
    picture(page, f"federation{said}")
    page.context.close()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_of_supervision_is_built_for_everybody(page_of, hospital, path):
    """RGAA and WCAG 2.2 AA, as far as a program can tell: axe, in both languages, light and dark, at a desk and on a telephone."""
    for page, light, dark in ((page_of("ben"), DESKTOP, PHONE), (page_of("ada", "fr-FR"), PHONE, DESKTOP)):
        page.goto(hospital.home + path)
        assert violations_at(page, light, schemes=("light",)) + violations_at(page, dark, schemes=("dark",)) == []

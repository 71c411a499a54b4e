"""Supervision in the console: the access review, break-glass, what a factor is asked for, and a menu that fits the person."""

import html
import re

import pytest

from nexus.console.pages.table import PAGES
from nexus.iam.conditions import NO_CONDITIONS
from nexus.iam.gate import Gate
from nexus.iam.model import FRESH_FACTOR, EligibilityKind, Role
from nexus.iam.requests.elevations import GrantEligibility
from nexus.iam.requests.reviews import OpenReview
from nexus.kernel.clock import DAY, MINUTE, Instant
from nexus.kernel.operation import PLATFORM
from nexus.web.binding import request_of
from simulators.console import Console
from simulators.people import SPECS, open_platform

WHY = "ward system down, patient in intensive care"


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
def console(platform):
    return Console(platform)


@pytest.fixture
async def people(platform):
    """Two officers, a data steward of Lyon, and a doctor whom Ben gave an emergency access and a right."""
    ada, ben = await platform.found("ada", "ben")
    steward, doctor = await platform.person(ada, "stella"), await platform.person(ada, "doc")
    await platform.grant(ben, steward.id, Role.DATA_STEWARD, "site:lyon")
    await platform.grant(ben, doctor.id, Role.RESEARCHER, "site:lyon")
    request = GrantEligibility(
        identity=doctor.id,
        role=Role.DATA_PROVIDER,
        scope="site:lyon",
        ends_at=Instant(platform.clock.now() + 90 * DAY),
        kind=EligibilityKind.EMERGENCY,
    )
    await platform.call("iam.eligibility.grant", platform.op(ben), request)
    return ada, ben, steward, doctor


def text_of(answer):
    """What people read."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


def menu_of(answer):
    """The addresses in the menu."""
    return re.findall(r'<li><a href="([^"]+)"', answer.text.split("<nav", 1)[1].split("</nav>")[0])


def field(page, operation, name):
    """A hidden field of the first form of an operation."""
    form = page.split(f'action="/operations/{operation}"', 1)[1].split("</form>")[0]
    return re.search(rf'name="{name}" value="([^"]*)"', form)[1]


async def signed_in(console, human, **more):
    browser = console.browser(**more)
    await browser.sign_in(human)
    return browser


# The access review


async def test_a_steward_sees_what_she_answers_for_and_keeps_or_ends_it(platform, console, people):
    """Issue 3: access review; whoever answers for rights need not be an officer."""
    ada, _, steward, _ = people
    browser = await signed_in(console, steward)
    assert "No review is under way" in text_of(await browser.get("/reviews"))
    await platform.call("iam.review.open", platform.op(ada), OpenReview(days=30))
    page = await browser.get("/reviews")
    text = text_of(page)
    assert "researcher" in text and "site:lyon" in text and "Doc doc" in text and "in 30 days" in text
    assert "yours: somebody else judges it" in text  # her own right
    kept = await browser.post(
        "/operations/iam.review.renew", {"id": field(page.text, "iam.review.renew", "id"), "~next": "/reviews"}
    )
    assert kept.status_code == 200 and "Done:" in kept.text
    assert "Doc doc" in text_of(await browser.get("/reviews?verdict=renewed"))
    listed = await browser.get("/reviews")
    ended = await browser.post(
        "/operations/iam.review.end", {"id": field(listed.text, "iam.review.end", "id"), "~next": "/reviews"}
    )
    assert ended.status_code == 200
    assert "emergency" not in text_of(await browser.get("/reviews?verdict=ended")).split("Last used")[0]


async def test_nobody_judges_his_own_and_whoever_answers_for_nothing_sees_only_that(platform, console, people):
    ada, ben, _, doctor = people
    await platform.call("iam.review.open", platform.op(ada), OpenReview(days=30))
    mine = await (await signed_in(console, doctor)).get("/reviews")
    assert "yours: somebody else judges it" in text_of(mine) and "iam.review.renew" not in mine.text
    page = await (await signed_in(console, ben, language="fr")).get("/reviews")
    assert "le vôtre : une autre personne en juge" in text_of(page) and "Garder" in page.text


# Break-glass


async def test_the_glass_is_broken_with_a_fresh_factor_seen_by_officers_and_judged(platform, console, people):
    """Issue 3: break-glass, from the emergency to the verdict."""
    _, ben, _, doctor = people
    browser = await signed_in(console, doctor)
    page = await browser.get("/break-glass")
    assert "What was given to you for emergencies" in page.text and "Judge before" not in page.text
    form = {
        "eligibility": field(page.text, "iam.break-glass.open", "eligibility"),
        "reason": WHY,
        "purpose": "care",
        "minutes": "60",
        "~next": "/break-glass",
    }
    platform.clock.advance(FRESH_FACTOR + MINUTE)  # longer ago than counts as fresh: she is asked, not sent away
    asked = await browser.post("/operations/iam.break-glass.open", form)
    assert asked.status_code == 401 and WHY in asked.text and "emergency grant" in text_of(asked)
    platform.clock.advance(MINUTE)
    code = platform.totp(doctor).reveal().decode()
    opened = await browser.post("/operations/iam.break-glass.open", {**kept_by(asked), "step-up-code": code})
    assert WHY in opened.text and "End it now" in opened.text
    assert "yours: somebody else judges it" in text_of(opened)

    officer = await signed_in(console, ben, language="fr")
    seen = await officer.get("/break-glass")
    assert WHY in seen.text and doctor.id in seen.text and "À juger avant" in text_of(seen)
    use = field(seen.text, "iam.break-glass.review", "id")
    verdict = {"id": use, "verdict": "unjustified", "comment": "le service était joignable", "~next": "/break-glass"}
    judged = await officer.post("/operations/iam.break-glass.review", verdict)
    assert "le service était joignable" in judged.text and "injustifié" in text_of(judged)
    assert "suspended" in text_of(await browser.get("/break-glass"))


async def test_whoever_was_given_nothing_reads_what_to_do(platform, console, people):
    steward = people[2]
    text = text_of(await (await signed_in(console, steward)).get("/break-glass"))
    assert "You were given no emergency access" in text and "No emergency access is open" in text


async def test_a_doctor_does_not_see_the_emergencies_of_others(platform, console, people):
    ada, _, _, doctor = people
    other = await platform.person(ada, "other")
    page = await (await signed_in(console, other)).get("/break-glass")
    assert doctor.id not in page.text


# What a fresh factor is asked for


async def test_the_page_that_asks_for_a_factor_says_in_words_what_for_also_after_a_wrong_code(
    platform, console, people
):
    """NX-09: what you see is what you sign; the digest alone tells nobody anything."""
    ada, ben, _, doctor = people
    officer = await signed_in(console, ben)
    await officer.get("/operations/iam.role.grant-privileged")
    wanted = {
        "identity": doctor.id,
        "role": "auditor",
        "scope": "platform",
        "ends_at": "2027-06-01T10:00",
    }
    asked = await officer.post("/operations/iam.role.grant-privileged", wanted)
    again = await officer.post("/operations/iam.role.grant-privileged", {**kept_by(asked), "step-up-code": "000000"})
    for page in (asked, again):
        assert page.status_code == 401
        text = text_of(page)
        assert "Grant a privileged role" in text and "auditor" in text and doctor.id in text and "1 Jun 2027" in text
    assert "The factor was refused" in again.text
    platform.clock.advance(MINUTE)
    code = platform.totp(ben).reveal().decode()
    held = await officer.post("/operations/iam.role.grant-privileged", {**kept_by(again), "step-up-code": code})
    assert "needs a second person" in held.text

    second = await signed_in(console, ada, language="fr")
    one = await second.get(held.url.path)
    form = {name: field(one.text, "iam.approval.approve", name) for name in ("id", "digest")}
    page = await second.post("/operations/iam.approval.approve", form)
    text = text_of(page)
    assert page.status_code == 401 and "Cela fera" in text and "attribuer un rôle privilégié" in text.lower()
    assert doctor.id in text


def kept_by(page):
    """What the form for a code holds besides what people type."""
    hidden = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text.split('class="stack"')[1])
    return {name: html.unescape(value) for name, value in hidden}


# The menu


async def test_the_menu_shows_what_the_person_may_do_and_protects_nothing(platform, console, people):
    ada, _, steward, doctor = people
    officer, nobody = await signed_in(console, ada), await signed_in(console, doctor)
    full, small = menu_of(await officer.get("/")), menu_of(await nobody.get("/"))
    assert {"/people", "/machines", "/rights", "/audit", "/keys", "/reviews", "/break-glass"} <= set(full)
    assert not {"/people", "/machines", "/rights", "/audit", "/keys", "/health"} & set(small)
    assert {"/", "/approvals", "/requests", "/reviews", "/break-glass", "/me", "/passkeys"} <= set(small)
    for path in ("/people", "/rights"):
        assert (await nobody.get(path)).status_code == 403
    assert steward.id


async def test_showing_a_menu_counts_as_no_use_of_a_right(platform, console, people):
    """Or unused rights would look used for as long as their holder signs in."""
    ada = people[0]
    gate, op = Gate(platform.db, platform.clock, NO_CONDITIONS), platform.op(ada)
    assert gate.foresees(op, [("iam.person.list", PLATFORM), ("objects.object.read", PLATFORM)]) == [True, False]
    assert len(gate.usage) == 0
    gate.check(op, "iam.person.list", PLATFORM)
    assert len(gate.usage) == 1


def test_what_a_menu_entry_needs_can_be_asked_without_anything_particular():
    needs = {page.needs for page in PAGES if page.menu is not None and page.needs}
    assert len(needs) > 5
    for name in needs & set(SPECS):
        assert request_of(SPECS[name], {}, [], b"") is not None
    assert all(page.needs in page.operations for page in PAGES if page.needs)

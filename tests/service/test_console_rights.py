"""Asking for a right, answering who asks, taking a role up for a while, breaking the glass, reviewing: in the console."""

import html
import re

import pytest

from nexus.kernel.clock import DAY, rfc3339
from simulators.console import Console
from simulators.people import open_platform


@pytest.fixture
def platform(tmp_path):
    with open_platform(tmp_path) as opened:
        yield opened


@pytest.fixture
def console(platform):
    return Console(platform)


def text_of(answer):
    """What people read."""
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


async def signed_in(console, human, **more):
    browser = console.browser(**more)
    await browser.sign_in(human)
    return browser


async def test_somebody_asks_for_a_right_and_somebody_who_may_grants_it(platform, console):
    """Issue 3: ask for a right."""
    ada, ben = await platform.found("ada", "ben")
    emma = await platform.person(ada, "emma")
    asker, granter = await signed_in(console, emma), await signed_in(console, ben)
    await asker.get("/requests/new")
    wanted = {
        "identity": emma.id,
        "role": "data_steward",
        "scope": "site:chu-lyon",
        "ends_at": rfc3339(platform.clock.now() + 30 * DAY)[:16],
        "reason": "deliver the extracts of the cardiology",
        "~next": "/requests",
    }
    asked = await asker.post("/operations/iam.access-request.create", wanted)
    assert asked.url.path == "/requests" and "Take it back" in asked.text and "cardiology" in asked.text
    seen = await granter.get("/requests")
    assert "cardiology" in seen.text and "Grant it" in seen.text
    request = re.search(r'name="id" value="([^"]+)"', seen.text)[1]
    granted = await granter.post("/operations/iam.access-request.grant", {"id": request, "~next": "/requests"})
    assert "Done:" in granted.text
    assert "data steward" in (await asker.get("/")).text
    assert "granted" in text_of(await asker.get("/requests?state=granted"))


async def test_a_request_is_refused_with_a_reason_that_the_asker_reads(platform, console):
    ada, ben = await platform.found("ada", "ben")
    emma = await platform.person(ada, "emma")
    asker, granter = await signed_in(console, emma, language="fr"), await signed_in(console, ben)
    until = rfc3339(platform.clock.now() + 30 * DAY)[:16]
    wanted = {
        "identity": emma.id,
        "role": "researcher",
        "scope": "project:heart",
        "ends_at": until,
        "reason": "the study of hearts",
    }
    await asker.get("/requests/new")
    await asker.post("/operations/iam.access-request.create", {**wanted, "~next": "/requests"})
    seen = await granter.get("/requests")
    form = re.search(r'href="(/operations/iam\.access-request\.refuse\?[^"]+)"', seen.text)[1]
    assert "Refuse" in (await granter.get(html.unescape(form))).text
    request = re.search(r"id=([^&]+)&", html.unescape(form))[1]
    answer = {"id": request, "answer": "the permit of this project has ended", "~next": "/requests"}
    await granter.post("/operations/iam.access-request.refuse", answer)
    assert "the permit of this project has ended" in (await asker.get("/requests?state=refused")).text


async def test_a_role_is_taken_up_for_a_while_and_given_back(platform, console):
    """Issue 3: elevation just in time, seen and ended in the console."""
    ada, ben = await platform.found("ada", "ben")
    emma = await platform.person(ada, "emma")
    until = rfc3339(platform.clock.now() + 30 * DAY)[:16]
    granter, holder = await signed_in(console, ben), await signed_in(console, emma)
    await granter.get("/operations/iam.eligibility.grant")
    eligible = {"identity": emma.id, "role": "data_steward", "scope": "site:chu-lyon", "ends_at": until}
    await granter.post("/operations/iam.eligibility.grant", eligible)
    home = await holder.get("/")
    assert "You hold no right" in home.text and "Take it up" in home.text
    eligibility = re.search(r"iam\.elevation\.open\?eligibility=([^&\"]+)", home.text)[1]
    taken = {"eligibility": eligibility, "reason": "repair the delivery of Lyon", "minutes": "30", "~next": "/"}
    home = await holder.post("/operations/iam.elevation.open", taken)
    assert "Taken up for a while" in home.text and "repair the delivery of Lyon" in home.text
    elevation = re.search(
        r'action="/operations/iam\.elevation\.end".*?name="id" value="([^"]+)"', home.text, re.DOTALL
    )[1]
    home = await holder.post("/operations/iam.elevation.end", {"id": elevation, "~next": "/"})
    assert "Taken up for a while" not in home.text


async def test_notices_stand_on_the_first_page_until_they_were_seen(platform, console):
    ada, _ = await platform.found("ada", "ben")
    browser = await signed_in(console, ada, address="203.0.113.7", language="fr")
    home = await browser.get("/")
    assert "Ce qui est arrivé à votre compte" in text_of(home) and "203.0.113.7" in home.text
    await browser.post("/operations/iam.notice.acknowledge", {"identity": ada.id, "~next": "/"})
    assert "Ce qui est arrivé à votre compte" not in text_of(await browser.get("/"))


async def test_those_who_may_not_see_others_read_why(platform, console):
    ada, _ = await platform.found("ada", "ben")
    nobody = await signed_in(console, await platform.person(ada, "nobody"))
    for path in ("/rights", "/people"):
        refused = await nobody.get(path)
        assert refused.status_code == 403 and "You may not do this" in refused.text

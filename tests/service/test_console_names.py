"""The console speaks of people by name: numbers stand second, where it matters which one exactly, or not at all."""

import html
import re

import pytest

from nexus.console.known import MOST, ids_in
from nexus.console.links import link_of
from nexus.iam.model import Role
from nexus.iam.naming import MAX_NAMES
from nexus.iam.requests.asking import AskForRole
from nexus.iam.requests.forms import ById
from nexus.iam.requests.machines import CreateMachine
from nexus.iam.requests.reviews import OpenReview
from nexus.kernel.clock import DAY, Instant
from nexus.kernel.ids import new_id
from simulators.console import Console
from simulators.patients import enrol, invite
from simulators.people import open_platform

PAGES = ("/people", "/machines", "/rights", "/requests", "/approvals", "/reviews", "/break-glass")


@pytest.fixture
async def world(tmp_path):
    """Two officers, a steward who asked for something, her machine, a deletion that waits, a review under way."""
    with open_platform(tmp_path) as platform:
        ada, ben = await platform.found("ada", "ben")
        stella = await platform.person(ada, "stella")
        await platform.grant(ben, stella.id, Role.DATA_STEWARD, "site:lyon")
        asked = AskForRole(
            identity=stella.id,
            role=Role.RESEARCHER,
            scope="project:p",
            ends_at=Instant(platform.clock.now() + DAY),
            reason="a second study",
        )
        await platform.call("iam.access-request.create", platform.op(stella), asked)
        await platform.call("iam.machine.create", platform.op(ada), CreateMachine(name="sync", owner=stella.id))
        nick = await platform.person(ada, "nick")
        await platform.grant(ben, nick.id, Role.RESEARCHER, "site:lyon")
        intent = await platform.call("iam.person.delete", platform.op(ada), ById(id=stella.id))
        await platform.call("iam.review.open", platform.op(ada), OpenReview(days=30))
        yield platform, ada, ben, stella, intent


async def visitor(platform, who, language="en"):
    browser = Console(platform).browser(language=language)
    await browser.sign_in(who)
    return browser


def read(answer):
    """What people read on a page, without the second lines that say which number it is."""
    page = re.sub(r'<code class="soft small">[^<]*</code>', "", answer.text.split("<main")[1])
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


async def test_no_list_shows_a_number_where_a_name_is_known(world):
    platform, _, ben, _, _ = world
    browser = await visitor(platform, ben)
    for path in PAGES:
        answer = await browser.get(path)
        assert answer.status_code == 200
        assert not re.search(r"\b(per|mac)_[0-9a-z]{26}", read(answer)), path
        assert "Stella stella" in read(answer) or path in {"/break-glass", "/people"}


async def test_where_it_matters_which_one_exactly_the_number_stands_below_the_name(world):
    platform, _, ben, stella, intent = world
    browser = await visitor(platform, ben)
    answer = await browser.get(f"/approvals/{intent.id}")
    assert f'<a href="/people/{stella.id}">Stella</a>' in answer.text
    assert f'<code class="soft small">{stella.id}</code>' in answer.text
    assert f'"id": "{stella.id}"' in html.unescape(answer.text), "the exact content stays as it will run"


async def test_a_name_leads_nowhere_for_whoever_may_not_open_the_page_behind_it(world):
    platform, _, _, stella, _ = world
    browser = await visitor(platform, stella)
    review = await browser.get("/reviews")
    assert "Nick nick" in read(review)
    assert set(re.findall(r"/people/(per_\w+)", review.text)) == {stella.id}, "but one's own"
    assert link_of(stella.id, frozenset(), "") is None
    assert link_of(stella.id, frozenset(), stella.id) == f"/people/{stella.id}"


async def test_patients_keep_their_number(world):
    platform, _, ben, _, _ = world
    patient = await enrol(platform, await invite(platform))
    browser = await visitor(platform, ben)
    form = await browser.get(f"/operations/iam.role.list?identity={patient.id}&~run=1")
    assert patient.id in form.text and "<strong>" not in form.text.split("<main")[1]


async def test_whom_a_form_is_about_is_chosen_by_name(world):
    platform, _, ben, stella, _ = world
    browser = await visitor(platform, ben)
    form = await browser.get(f"/operations/iam.role.grant?identity={stella.id}")
    assert f'<option value="{stella.id}" selected>Stella (stella)</option>' in form.text
    assert '<optgroup label="Machines">' in form.text and ">sync</option>" in form.text
    create = await browser.get("/operations/iam.machine.create")
    assert ">Stella (stella)</option>" in create.text and ">sync</option>" not in create.text, "a machine owns none"
    stranger = f"per_{'0' * 26}"
    form = await browser.get(f"/operations/iam.role.grant?identity={stranger}")
    assert f'value="{stranger}" autocomplete="off"' in form.text, "what cannot be chosen stays as it was typed"


async def test_whoever_may_not_list_people_types_a_number_and_reads_whose_it_is(world):
    platform, _, ben, stella, _ = world
    browser = await visitor(platform, stella)
    form = await browser.get(f"/operations/iam.role.grant?identity={ben.id}")
    assert "<strong>Ben</strong> ben" in form.text and "<optgroup" not in form.text and ">Ben (ben)<" not in form.text


def test_numbers_are_found_wherever_they_stand_each_once_and_not_without_end():
    ids = [new_id("per") for _ in range(MOST + 5)]
    assert ids_in([{"a": [ids[0], {"b": f"Identity:{ids[1]}"}], "c": ids[0]}, None, new_id("key"), 7]) == ids[:2]
    assert ids_in(ids) == ids[:MOST]
    assert MOST == MAX_NAMES

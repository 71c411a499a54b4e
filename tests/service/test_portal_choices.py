"""The switches of the portal: what they say of a patient's decisions, and what touching one decides."""

import re

import pytest

from nexus.consent import store as consent_store
from nexus.consent.model import DataCategory, Provision, Question, Recipient
from nexus.consent.requests import Decide
from nexus.kernel.operation import Actor, ActorKind
from simulators.consents import deny, permit
from simulators.portal import Hospital


@pytest.fixture
async def hospital(tmp_path):
    opened = await Hospital(tmp_path).open()
    yield opened
    opened.close()


def allowed(hospital, subject: str, purpose: str = "statistics", project: str = "") -> bool:
    """What a reader would be answered now."""
    question = Question((subject,), purpose, Recipient("chu-lyon", project, "per_x"), hospital.clock.now())
    with hospital.db.read() as tx:
        return hospital.consent.rulings.of(tx, question)[subject].allowed


def switches(page: str) -> dict[str, bool]:
    found = re.findall(r'class="switch" id="([a-z-]+)">.*?aria-checked="(true|false)"', page, re.S)
    return {name: state == "true" for name, state in found}


async def test_switches_say_what_holds_and_change_it_at_once(hospital):
    subject, browser = await hospital.patient()
    await hospital.reads(subject, project="cohorte-diabete")
    state = switches((await browser.get("/choix")).text)
    assert state["purpose-research"] is False and state["purpose-statistics"] is True
    assert state["category-genetic"] is True and state["project-cohorte-diabete"] is True
    for what, name, to in (
        ("purpose", "research", "allow"),
        ("purpose", "statistics", "refuse"),
        ("category", "genetic", "refuse"),
        ("project", "cohorte-diabete", "refuse"),
    ):
        answer = await browser.post("/choix", {**browser.hidden("/choix"), "what": what, "name": name, "to": to})
        assert "Cela compte dès cet instant" in answer.text
    state = switches(browser.page)
    assert state["purpose-research"] is True and state["purpose-statistics"] is False
    assert state["category-genetic"] is False and state["project-cohorte-diabete"] is False
    assert allowed(hospital, subject, "research", "autre") is False  # genetic data may be among them: doubt denies
    await browser.post("/choix", {**browser.hidden("/choix"), "what": "category", "name": "genetic", "to": "allow"})
    assert allowed(hospital, subject, "research", "autre")
    assert not allowed(hospital, subject, "research", "cohorte-diabete")
    await browser.post("/choix", {**browser.hidden("/choix"), "what": "purpose", "name": "research", "to": "refuse"})
    assert not allowed(hospital, subject, "research", "autre")


def said(page: str, switch: str) -> str:
    """The words beside a switch."""
    found = re.search(f'id="{switch}">(.*?)</li>', page, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split()) if found else ""


async def decided(hospital, browser, subject: str, *provisions: Provision) -> None:
    """What another form than these switches decided."""
    with hospital.db.read() as tx:
        version = consent_store.subject(tx, subject).version
    op = hospital.platform.op(Actor(browser.human.id, ActorKind.PERSON, person=browser.human.id))
    await hospital.consent.deciding.decide(op, Decide(subject=subject, version=version, provisions=provisions))


async def test_a_switch_says_what_other_choices_leave_of_it(hospital):
    """A paper, or a form of the hospital, may be narrower than the switches: they never say more than the rules."""
    subject, browser = await hospital.patient()
    await decided(hospital, browser, subject, permit("research", categories=(DataCategory.IMAGING,)))
    await decided(hospital, browser, subject, deny("statistics", sites=("elsewhere",)))
    await decided(hospital, browser, subject, deny("quality", "education"))
    page = (await browser.get("/choix")).text
    state = switches(page)
    assert (state["purpose-research"], state["purpose-statistics"]) == (True, True)
    for name in ("research", "statistics"):
        assert "pour certaines données ou certains usages seulement" in said(page, f"purpose-{name}")
    assert (state["purpose-quality"], state["purpose-education"]) == (False, False)
    assert "vous l’avez refusé" in said(page, "purpose-education").replace("'", "’").replace("&#39;", "’")
    form = {**browser.hidden("/choix"), "what": "purpose", "name": "education", "to": "allow"}
    state = switches((await browser.post("/choix", form)).text)
    assert (state["purpose-quality"], state["purpose-education"]) == (False, True), "the other refusal stays"
    assert allowed(hospital, subject, "education") and not allowed(hospital, subject, "quality")

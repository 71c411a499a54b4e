"""Attacks on the patient portal: forged requests, frames, foreign hosts, fixed and stolen sessions, redirects, hostile names.

OWASP ASVS 5.0 3.3, 3.4, 3.5, 7.2, 7.4.
"""

import pytest

from nexus.iam import patient_codes
from nexus.portal.cookies import COOKIES
from nexus.portal.pages.table import pages
from simulators.portal import Hospital

PAGES = pages(patient_codes, ())
FORGED = [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ""}, {"Sec-Fetch-Site": "cross-site"}]


@pytest.fixture
async def hospital(tmp_path):
    opened = await Hospital(tmp_path).open()
    yield opened
    opened.close()


def example(path: str) -> str:
    return "/".join("1" if part.startswith("{") else part for part in path.split("/"))


async def test_every_page_refuses_strangers_and_every_form_what_another_site_made(hospital):
    stranger = hospital.portal().browser()
    _, browser = await hospital.patient()
    for page in PAGES:
        path = example(page.path)
        if not page.open and page.show:
            assert (await stranger.get(path)).headers["location"].startswith("/sign-in")
        if page.submit:
            assert page.open or (await stranger.send(path, {"csrf": "0" * 64})).status_code == 401
            for headers in FORGED:
                assert (await browser.send(path, browser.hidden("/sign-out"), **headers)).status_code == 403
        if page.submit and not page.open:
            for token in ("", "0" * 64):
                assert (await browser.send(path, {"csrf": token})).status_code == 403
    assert hospital.platform.entries("consent.own.object") == []


async def test_no_answer_is_framed_cached_or_runs_what_is_not_ours(hospital):
    _, browser = await hospital.patient()
    for path in ("/", "/acces", "/donnees", "/choix", "/demandes", "/compte", "/x", "/sign-in/password"):
        answer = await browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy and "default-src 'none'" in policy and "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY" and answer.headers["cache-control"] == "no-store"
        assert "<script>" not in answer.text and "style=" not in answer.text and "onclick" not in answer.text
    other = await browser.http.get("/", headers={"Host": "evil.example"})
    assert other.status_code == 421


async def test_a_planted_session_is_no_session_and_a_stolen_one_ends(hospital):
    subject = await hospital.subject()
    letter = await hospital.letter(subject)
    victim = hospital.portal().browser()
    victim.http.cookies.set(COOKIES.session, "nxs_" + "a" * 43)
    await victim.enrol(letter)
    kept = [cookie.value for cookie in victim.http.cookies.jar if cookie.name == COOKIES.session]
    assert kept[-1] != "nxs_" + "a" * 43
    _, browser = await hospital.patient()
    thief = hospital.portal().browser(address="198.51.100.9", agent="another")
    thief.http.cookies.set(COOKIES.session, browser.session)
    assert (await thief.get("/")).headers["location"] == "/sign-in"
    assert (await browser.get("/")).headers["location"] == "/sign-in"  # found out, and ended for both


async def test_a_session_of_the_staff_is_nobody_of_the_portals(hospital):
    """Two lives, two accounts: what opens the console decides nothing here."""
    ada, _ = await hospital.platform.found("ada", "ben")
    subject, _ = await hospital.patient()
    browser = hospital.portal().browser(agent="browser/1")
    browser.http.cookies.set(COOKIES.session, ada.token)
    answer = await browser.get(f"/?dossier={subject}")
    assert answer.status_code in {303, 403} or "Aucun dossier" in answer.text


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/\tevil", "javascript:x"]
)
async def test_nobody_is_sent_elsewhere(hospital, wanted):
    subject = await hospital.subject()
    browser = hospital.portal().browser()
    patient = await hospital.letter(subject)
    await browser.enrol(patient)
    await browser.post("/sign-out")
    await browser.get("/sign-in")
    answer = await browser.send("/sign-in", {**patient.passkey.get(browser.asked()), "next": wanted})
    assert answer.headers["location"] == "/"
    answer = await browser.send("/language", {"language": "fr", "next": wanted})
    assert answer.headers["location"] == "/"


async def test_names_that_are_code_are_text(hospital):
    subject, browser = await hospital.patient()
    hostile = "<script>alert(1)</script>"
    await hospital.reads(subject, name=hostile, project="<b>")
    page = (await browser.get("/acces")).text
    assert hostile not in page and "&lt;script&gt;" in page and "<b>" not in page

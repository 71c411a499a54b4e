"""The portal as a patient meets it: open the account, sign in, read it in French or English, keep its devices.

Issue 4, patient portal: sign-in with passkey or TOTP, from an account that a hospital enrols by one-time code.
"""

import re

import pyotp
import pytest

from nexus.portal.dates import Dates
from nexus.portal.wording import typeset
from nexus.web.browser.language import Language
from simulators.clock import ManualClock
from simulators.patients import invite
from simulators.people import PASSWORD
from simulators.portal import Hospital


@pytest.fixture
def hospital(tmp_path):
    opened = Hospital(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def platform(hospital):
    return hospital.platform


@pytest.fixture
def portal(hospital):
    return hospital.portal()


def heading(page: str) -> str:
    return re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)[1].strip()


async def test_a_patient_opens_an_account_with_the_letter_and_a_telephone(platform, portal):
    browser, patient = portal.browser(), await invite(platform)
    await browser.present(patient)
    assert heading(browser.page) == "Comment vous connecterez-vous\u202f?"
    answer = await browser.enrol(patient)
    assert answer.status_code == 200 and "Bienvenue." in answer.text and browser.session
    assert platform.entries("iam.session.create")[-1].operation.door == "portal"
    await browser.post("/sign-out")
    assert "Vous êtes déconnecté." in browser.page and not browser.session
    await browser.sign_in(patient)
    assert browser.session


async def test_a_password_and_an_authenticator_do_as_well(platform, portal):
    browser, patient = portal.browser(), await invite(platform)
    await browser.present(patient)
    await browser.post("/ouvrir/mot-de-passe")
    assert heading(browser.page) == "Choisissez un mot de passe"
    await browser.post("/ouvrir/mot-de-passe", {"password": "short"})
    assert "trop faible" in browser.page
    await browser.post("/ouvrir/mot-de-passe", {"password": PASSWORD})
    secret, login = re.findall(r'<code class="secret">(.*?)</code>', browser.page)
    await browser.post("/ouvrir/confirmer", {"totp": "000000"})
    assert "Ce code est faux" in browser.page and secret in browser.page
    now = platform.clock.now() // 1_000_000
    answer = await browser.post("/ouvrir/confirmer", {"totp": pyotp.TOTP(secret).at(now)})
    assert "Bienvenue." in answer.text
    await browser.post("/sign-out")
    await browser.get("/sign-in/password")
    typed = {"login": login, "password": PASSWORD, "code": pyotp.TOTP(secret).at(now + 30)}
    assert "Cela n’a pas fonctionné" in (await browser.post("/sign-in/password", {**typed, "code": "1"})).text
    platform.clock.advance(30_000_000)
    await browser.post("/sign-in/password", typed)
    assert browser.session


async def test_a_typing_mistake_is_said_at_once_and_costs_no_try(platform, portal):
    browser, patient = portal.browser(), await invite(platform)
    code = patient.code.reveal().decode()
    wrong = code[:-1] + ("2" if code[-1] != "2" else "3")
    for _ in range(20):
        assert "faute de frappe" in (await browser.present(patient, code=wrong)).text
    assert platform.entries("iam.patient.begin") == []
    assert "Ce n’est pas une date" in (await browser.present(patient, born="58-14-03")).text
    await browser.present(patient)
    assert heading(browser.page).startswith("Comment")


async def test_code_and_birth_date_that_do_not_go_together_bring_one_back_to_the_first_step(platform, portal):
    browser, patient = portal.browser(), await invite(platform)
    answer = await browser.present(patient, born="1971-01-01")
    assert answer.status_code == 401 and "ne vont pas ensemble" in answer.text
    assert patient.code.reveal().decode() in answer.text  # what was typed is still there
    for _ in range(5):
        answer = await browser.present(patient, born="1971-01-01")
    assert answer.status_code == 429 and "Trop de tentatives" in answer.text


async def test_it_is_french_whatever_the_browser_says_and_english_by_a_switch(portal):
    browser = portal.browser()
    answer = await browser.get("/sign-in", **{"Accept-Language": "de,en"})
    assert 'lang="fr"' in answer.text and heading(browser.page) == "Se connecter"
    answer = await browser.post("/language", {"language": "en"})
    assert 'lang="en"' in answer.text and heading(browser.page) == "Sign in"
    assert heading((await browser.get("/ouvrir")).text) == "Open my account"


async def test_a_page_that_needs_somebody_leads_through_the_sign_in_and_back(platform, portal):
    patient = await invite(platform)
    await portal.browser().enrol(patient)
    browser = portal.browser()
    answer = await browser.get("/compte")
    assert answer.headers["location"] == "/sign-in?next=%2Fcompte"
    await browser.get(answer.headers["location"])
    await browser.post("/sign-in", patient.passkey.get(browser.asked()))
    assert heading(browser.page) == "Mon compte"


async def test_a_device_is_added_after_a_fresh_proof_and_removed(platform, portal):
    browser, patient, tablet = portal.browser(), await invite(platform), (await invite(platform)).passkey
    await browser.enrol(patient)
    await browser.get("/compte")
    assert "Un appareil a été ajouté" in browser.page
    await browser.post("/compte/avis")
    assert "Un appareil a été ajouté" not in browser.page
    answer = await browser.post("/compte/appareils", {"name": "ma tablette"})
    assert answer.status_code == 401 and heading(browser.page) == "Est-ce bien vous\u202f?"
    proof = {f"step-up-{name}": value for name, value in patient.passkey.get(browser.asked()).items()}
    await browser.post("/compte/appareils", proof)
    assert heading(browser.page) == "Ajouter cet appareil"
    tablet.origin = patient.passkey.origin
    answer = await browser.post("/compte/appareils", tablet.create(browser.asked()))
    assert "L’appareil est ajouté." in answer.text and "ma tablette" in answer.text
    remove = re.search(r'action="(/compte/appareils/[^"]+/retirer)"', browser.page)[1]
    await browser.post(remove)
    proof = {f"step-up-{name}": value for name, value in tablet.get(browser.asked()).items()}
    assert "L’appareil est retiré." in (await browser.post(remove, proof)).text


async def test_what_is_wrong_is_said_in_plain_words_and_with_a_number_to_ask_by(portal):
    browser = portal.browser()
    answer = await browser.get("/nowhere")
    assert answer.status_code == 404 and heading(answer.text) == "Cette page n’existe pas"
    portal.lease.held = False
    answer = await browser.get("/sign-in")
    assert answer.status_code == 503 and heading(answer.text) == "Le service est fermé un instant"
    assert re.search(r"<code>op_\w+</code>", answer.text)


def test_french_is_set_as_french_is():
    assert typeset("Vraiment ? Oui : « d'accord » ; 12 345 fois !") == (
        "Vraiment\u202f? Oui\u00a0: «\u00a0d’accord\u00a0»\u202f; 12\u202f345 fois\u202f!"
    )


def test_moments_are_said_in_the_time_of_the_place():
    dates = Dates("Europe/Paris", ManualClock())
    assert dates.when("2026-06-01T22:04:00Z", Language.FRENCH) == "2 juin 2026 à 0\u00a0h\u00a004"
    assert dates.weekday("2026-12-01T08:00:00Z", Language.FRENCH) == "mardi 1ᵉʳ décembre 2026"
    assert dates.when("2026-11-27T15:04:00Z", Language.ENGLISH) == "27 November 2026 at 16:04"
    assert dates.midnight("2026-07-14") == "2026-07-13T22:00:00Z" and dates.midnight("14/07/2026") is None

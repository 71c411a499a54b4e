"""The patient portal in a real browser, as a telephone shows it: a passkey of the device, the switch, a proof that is checked.

Issue 4: phone first, WCAG 2.2 AA checked by axe on every page, in both languages, light and dark; a tampered receipt shows red.
The authenticator is Chromium's own; pages, scripts, log and consent are real.
"""

import asyncio
import re
import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect

from nexus.app import pki
from nexus.app.serving import serve
from nexus.kernel.clock import SystemClock
from nexus.kernel.database import Bookkeeping
from nexus.mail import outbox
from simulators.accessibility import violations
from simulators.catalogue import example, publish
from simulators.chromium import WAIT_MS, chromium, trusting
from simulators.portal import ORIGIN, Hospital
from simulators.tls_door import START_WAIT_S, free_port

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "images" / "portal"
PHONE = {"width": 390, "height": 844}
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Reception:
    """A hospital whose portal listens on a socket, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        self.loop, self._stop = asyncio.new_event_loop(), asyncio.Event()
        self.port, ready = free_port(), threading.Event()
        self.hospital = Hospital(folder)
        now = SystemClock().now()
        leaf = pki.issue(pki.found_authority("nx_test", now), (), 1, now)

        async def main() -> None:
            await self.hospital.open()
            app, stop = self.hospital.portal().app, self._stop
            await serve(app, host="127.0.0.1", port=self.port, leaf=leaf, stop=stop, grace_s=1, ready=ready.set)
            self.hospital.close()

        self._thread = threading.Thread(target=self.loop.run_until_complete, args=(main(),), daemon=True)
        self._thread.start()
        assert ready.wait(START_WAIT_S), "the portal did not open"

    def do(self, work):
        """Let something happen at the hospital."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(START_WAIT_S)

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(START_WAIT_S)


@pytest.fixture(scope="module")
def reception(tmp_path_factory):
    opened = Reception(tmp_path_factory.mktemp("portal"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def browser(reception):
    address = ORIGIN.removeprefix("https://")
    here = f"127.0.0.1:{reception.port}"
    with chromium(f"--host-resolver-rules=MAP {address} {here}", trusting(f"https://{here}")) as started:
        yield started


@pytest.fixture(scope="module")
def phone(browser):
    """A telephone with its own passkeys, and whatever it complained of."""
    context = browser.new_context(
        locale="fr-FR", viewport=PHONE, device_scale_factor=2, has_touch=True, is_mobile=True, ignore_https_errors=True
    )
    context.set_default_timeout(WAIT_MS)
    page, complaints = context.new_page(), []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("request", lambda asked: None if asked.url.startswith(ORIGIN) else complaints.append(asked.url))
    cdp = context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    cdp.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    yield page
    context.close()
    assert [said for said in complaints if "status of" not in said] == [], (
        "nothing was blocked, nothing came from elsewhere"
    )


@pytest.fixture
def look(phone, request):
    """`look(name)`: axe finds nothing, in light and in dark; a picture for the documentation where it is asked for."""

    def look(name: str, *, keep: bool = True) -> None:
        for scheme in ("dark", "light"):
            phone.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert violations(phone) == [], f"{name}, {scheme}"
        if keep and request.config.getoption("--pictures"):
            PICTURES.mkdir(parents=True, exist_ok=True)
            phone.screenshot(path=PICTURES / f"{name}.png", animations="disabled", full_page=True)

    return look


def test_a_patient_opens_an_account_refuses_and_checks_a_line(reception, phone, look):
    hospital = reception.hospital
    subject = reception.do(hospital.subject())
    letter = reception.do(hospital.letter(subject))
    reception.do(hospital.reads(subject))
    reception.do(hospital.stores(subject, "scan-1", "scan-2"))
    reception.do(hospital.reads(subject, purpose="care", reason="emergency", emergency=True, name="Dr. Bloc"))
    phone.goto(f"{ORIGIN}/sign-in")
    expect(phone.get_by_role("button", name="Se connecter avec cet appareil")).to_be_visible()
    look("sign-in")
    phone.get_by_role("link", name="Ouvrir mon compte").click()
    phone.get_by_label("Le code du courrier").fill(letter.code.reveal().decode().lower())
    for label, text in (("Jour", "14"), ("Mois", "3"), ("Année", "1958")):
        phone.get_by_label(label).fill(text)
    look("letter")
    phone.get_by_role("button", name="Continuer").click()
    expect(phone.get_by_role("button", name="Utiliser cet appareil")).to_be_visible()
    look("device")
    phone.get_by_role("button", name="Utiliser cet appareil").click()
    expect(phone.get_by_role("status").first).to_contain_text("Bienvenue")

    switch = phone.get_by_role("switch", name="Mes données peuvent servir")
    expect(switch).to_be_checked()
    look("home")
    switch.click()
    expect(switch).not_to_be_checked()
    expect(phone.get_by_role("status").first).to_contain_text("ne servent plus qu’à vos soins")
    look("home-refused")
    reception.do(hospital.reads(subject, allowed=False, reason="objection"))
    reception.do(hospital.publish())

    phone.get_by_role("link", name="Usages").click()
    expect(phone.get_by_text("à cause de votre refus général")).to_be_visible()
    look("uses")
    phone.get_by_role("link", name="Vérifier cette ligne").first.click()
    phone.get_by_role("button", name="Vérifier maintenant").click()
    expect(phone.get_by_text("Cette ligne est authentique.")).to_be_visible()
    look("proof")

    phone.get_by_role("link", name="Demandes").click()
    phone.get_by_label("Avoir une copie à emporter").check()
    phone.get_by_label("Que voulez-vous ajouter").fill("Pour mon nouvel hôpital.")
    phone.get_by_role("button", name="Envoyer la demande").click()
    expect(phone.get_by_role("status").first).to_contain_text("C’est envoyé")
    expect(phone.get_by_text("En attente")).to_be_visible()
    look("requests")


def test_everybody_reads_the_catalogue_of_datasets(reception, phone, look):
    """Issue 5: which datasets exist, for a reader who is not of the trade, without signing in."""
    hospital = reception.hospital
    reception.do(hospital.db.bookkeep(Bookkeeping.PROGRESS, lambda tx: publish(tx, example(), example("avc"))))
    phone.goto(f"{ORIGIN}/catalogue")
    look("catalogue")
    phone.get_by_role("link", name="Qui a le diabète, et quand").first.click()
    expect(phone.get_by_role("heading", name="Tables")).to_be_visible()
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    look("dataset")


def test_a_patient_chooses_to_be_told_by_mail(reception, phone, look):
    hospital = reception.hospital
    phone.goto(f"{ORIGIN}/compte")
    phone.get_by_role("link", name="Choisir quand être averti").click()
    phone.get_by_role("textbox", name="Votre adresse électronique").fill("lucie@courriel.example")
    phone.get_by_role("button", name="Envoyer le code").click()
    expect(phone.get_by_role("status").first).to_contain_text("Le code est en route")
    look("notices-code", keep=False)
    phone.get_by_role("textbox", name="Le code reçu par courriel").fill(reception.do(last_code(hospital)))
    phone.get_by_role("button", name="Confirmer l’adresse").click()
    expect(phone.get_by_role("status").first).to_contain_text("L’adresse est confirmée")
    phone.get_by_label("Une fois par semaine au plus").check()
    phone.get_by_role("button", name="Garder ce choix").click()
    expect(phone.get_by_label("Une fois par semaine au plus")).to_be_checked()
    look("notices")


async def last_code(hospital) -> str:
    """What the code that was mailed last says."""
    with hospital.db.read() as tx:
        waiting = outbox.due(tx, hospital.clock.now(), 100)[-1]
    return re.search(r"Votre code : (\d{4} \d{4})", outbox.opened(hospital.mail_key, waiting).body)[1]


@pytest.mark.parametrize("what", ["entry", "path", "signature", "other"])
def test_a_tampered_receipt_shows_red(reception, phone, look, what):
    phone.goto(f"{ORIGIN}/acces")
    phone.get_by_role("link", name="Vérifier cette ligne").first.click()
    receipt = phone.locator("#receipt").input_value()
    if what == "other":  # a genuine receipt of another line proves nothing of this one
        phone.go_back()
        phone.get_by_role("link", name="Vérifier cette ligne").last.click()
        changed = receipt
    else:
        changed = tampered(receipt, what)
    phone.locator("summary").click()
    phone.locator("#receipt").fill(changed)
    phone.get_by_role("button", name="Vérifier maintenant").click()
    expect(phone.get_by_text("Cette ligne ne correspond pas à sa preuve.")).to_be_visible()
    expect(phone.get_by_text("Cette ligne est authentique.")).to_be_hidden()
    if what == "entry":
        look("proof-red")


def tampered(receipt: str, what: str) -> str:
    """One character of the entry, of the inclusion proof, or of the first signature."""
    lines = receipt.split("\n")
    place = {
        "entry": 1,
        "path": 3,
        "signature": next(n for n, line in enumerate(lines) if line.startswith("— ")),
    }[what]
    at = len(lines[place]) // 2 + (20 if what == "signature" else 0)
    other = "A" if lines[place][at] != "A" else "B"
    lines[place] = lines[place][:at] + other + lines[place][at + 1 :]
    return "\n".join(lines)


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_page_is_accessible_in_both_languages_light_and_dark(phone, look, language):
    phone.goto(f"{ORIGIN}/choix")
    if phone.locator("html").get_attribute("lang") != language:
        phone.get_by_role("button", name="English" if language == "en" else "Français").click()
    assert phone.locator("html").get_attribute("lang") == language
    for path, name in (
        ("/", "home"),
        ("/acces", "uses"),
        ("/donnees", "held"),
        ("/choix", "choices"),
        ("/demandes", "requests"),
        ("/compte", "account"),
        ("/compte/courriel", "notices"),
        ("/x", "nowhere"),
    ):
        phone.goto(ORIGIN + path)
        look(name, keep=language == "fr" and name in {"choices", "held"})

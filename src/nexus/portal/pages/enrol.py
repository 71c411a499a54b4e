"""Opening an account with the letter: the code and the birth date, then a passkey, or a password with a second factor.

Code and birth date go along from step to step inside the forms, so that nothing is kept anywhere before the account is open.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlparse

import segno
from markupsafe import Markup
from starlette.responses import Response

from nexus.kernel.errors import Invalid, Throttled, Unauthenticated
from nexus.portal.page import Page
from nexus.portal.pages.sign_in import signed_in_response
from nexus.portal.ports import CodeForm
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser.operations import Refused

PATH: Final = "/ouvrir"
WITH_DEVICE: Final = "/ouvrir/appareil"
WITH_PASSWORD: Final = "/ouvrir/mot-de-passe"  # noqa: S105 - an address
CONFIRM: Final = "/ouvrir/confirmer"
WELCOME: Final = "/?bienvenue=1"
PICTURE_SCALE: Final = 5
"""Pixels of a module of the QR code."""
MAX_NAME: Final = 60
MAX_URI: Final = 300
"""Characters of the address of a second factor."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    code: str
    code_help: str
    born: str
    born_help: str
    day: str
    month: str
    year: str
    go_on: str
    mistyped: str
    mistyped_date: str
    refused: str
    throttled: str
    step: str
    device_title: str
    device_intro: str
    device_name: str
    device_name_default: str
    device_name_help: str
    use_device: str
    no_passkey: str
    no_script: str
    instead: str
    instead_help: str
    choose_title: str
    choose: str
    choose_help: str
    weak: str
    factor_title: str
    factor_intro: str
    picture: str
    by_hand: str
    your_login: str
    login_help: str
    totp: str
    totp_help: str
    confirm: str
    wrong_totp: str


TEXTS: Final = spoken(
    Texts(
        title="Open my account",
        intro="Have the letter of your hospital at hand. It takes two minutes.",
        code="The code on the letter",
        code_help="Thirteen letters and figures, such as K7QF-3M9X-T2RB5. Capitals and dashes do not matter.",
        born="Your date of birth",
        born_help="For instance 14 3 1958. For a child's file, the one of the child if the letter says so.",
        day="Day",
        month="Month",
        year="Year",
        go_on="Go on",
        mistyped="There is a typing mistake in the code. Compare it with the letter, character by character.",
        mistyped_date="This is not a date. Type the day, the month and the four figures of the year.",
        refused="Code and date of birth do not go together, or the code was used or is too old. Your hospital makes a new one.",
        throttled="Too many attempts. Wait {seconds} seconds before you try again.",
        step="Step {number} of 2",
        device_title="How will you sign in?",
        device_intro="Next time, this device lets you in as you unlock it: finger, face or PIN. There is nothing to remember.",
        device_name="A name for this device",
        device_name_default="My device",
        device_name_help="So that you recognise it in a list.",
        use_device="Use this device",
        no_passkey="Your device did not answer. Try again, or choose a password.",
        no_script="Your browser runs no scripts: choose a password below.",
        instead="Choose a password instead",
        instead_help="You then also need an authenticator application on your telephone.",
        choose_title="Choose a password",
        choose="New password",
        choose_help="Twelve characters at least. Four words that only you put together are easy to remember.",
        weak="This password is too weak: {hint}.",
        factor_title="Your second key",
        factor_intro="Scan this picture with your authenticator application, then type the code that it shows.",
        picture="Picture to scan (QR code)",
        by_hand="Or type this key into the application:",
        your_login="Your identifier",
        login_help="Write it down: you need it with the password.",
        totp="Six-digit code",
        totp_help="What the application shows now.",
        confirm="Finish",
        wrong_totp="This code is wrong. Wait for the next one and type it.",
    ),
    Texts(
        title="Ouvrir mon compte",
        intro="Ayez sous la main le courrier de votre hôpital. Cela prend deux minutes.",
        code="Le code du courrier",
        code_help="Treize lettres et chiffres, comme K7QF-3M9X-T2RB5. Majuscules et tirets sont sans importance.",
        born="Votre date de naissance",
        born_help="Par exemple 14 3 1958. Pour le dossier d'un enfant, celle de l'enfant si le courrier le précise.",
        day="Jour",
        month="Mois",
        year="Année",
        go_on="Continuer",
        mistyped="Il y a une faute de frappe dans le code. Comparez-le au courrier, caractère par caractère.",
        mistyped_date="Ce n'est pas une date. Indiquez le jour, le mois et les quatre chiffres de l'année.",
        refused="Le code et la date de naissance ne vont pas ensemble, ou le code a déjà servi ou est trop ancien. Votre hôpital en fait un nouveau.",
        throttled="Trop de tentatives. Attendez {seconds} secondes avant de réessayer.",
        step="Étape {number} sur 2",
        device_title="Comment vous connecterez-vous ?",
        device_intro="La prochaine fois, cet appareil vous fera entrer comme vous le déverrouillez : doigt, visage ou code. Il n'y a rien à retenir.",
        device_name="Un nom pour cet appareil",
        device_name_default="Mon appareil",
        device_name_help="Pour le reconnaître dans une liste.",
        use_device="Utiliser cet appareil",
        no_passkey="Votre appareil n'a pas répondu. Réessayez, ou choisissez un mot de passe.",
        no_script="Votre navigateur n'exécute pas de script : choisissez un mot de passe ci-dessous.",
        instead="Choisir plutôt un mot de passe",
        instead_help="Il vous faudra aussi une application d'authentification sur votre téléphone.",
        choose_title="Choisissez un mot de passe",
        choose="Nouveau mot de passe",
        choose_help="Douze caractères au moins. Quatre mots que vous seul réunissez se retiennent bien.",
        weak="Ce mot de passe est trop faible. Prenez-en un plus long, que personne ne devinerait.",
        factor_title="Votre seconde clé",
        factor_intro="Scannez cette image avec votre application d'authentification, puis saisissez le code qu'elle affiche.",
        picture="Image à scanner (code QR)",
        by_hand="Ou saisissez cette clé dans l'application :",
        your_login="Votre identifiant",
        login_help="Notez-le : il va avec le mot de passe.",
        totp="Code à six chiffres",
        totp_help="Ce que l'application affiche maintenant.",
        confirm="Terminer",
        wrong_totp="Ce code est faux. Attendez le suivant et saisissez-le.",
    ),
)


class Enrolling:
    """The pages, with what knows a mistyped code."""

    def __init__(self, codes: CodeForm) -> None:
        self._codes = codes

    def pages(self) -> tuple[Page, ...]:
        """Open to strangers: whoever comes here has no account yet."""
        return (
            Page(PATH, frozenset({"iam.patient.begin"}), self.show, self.begin, open=True),
            Page(
                WITH_DEVICE,
                frozenset({"iam.patient.with-passkey", "iam.patient.begin"}),
                submit=self.with_device,
                open=True,
            ),
            Page(WITH_PASSWORD, frozenset({"iam.patient.with-password"}), submit=self.with_password, open=True),
            Page(CONFIRM, frozenset({"iam.patient.confirm"}), submit=self.confirm, open=True),
        )

    async def show(self, visit: Visit) -> Response:
        """Step 1."""
        return _first(visit)

    async def begin(self, visit: Visit) -> Response:
        """Step 1 sent: step 2, or what is wrong with it."""
        texts = TEXTS.of(visit.language)
        if not self._codes.well_formed(visit.form.text("code")):
            return _first(visit, texts.mistyped)
        if not birth_date(visit):
            return _first(visit, texts.mistyped_date)
        return await self._device(visit)

    async def with_device(self, visit: Visit) -> Response:
        """The passkey that the device made."""
        answer = {name: visit.form.text(name) for name in ("client_data", "attestation")}
        name = visit.form.text("name").strip()[:MAX_NAME] or TEXTS.of(visit.language).device_name_default
        try:
            signed_in = await visit.get("iam.patient.with-passkey", name=name, **answer, **_presented(visit))
        except Refused as refused:
            if isinstance(refused.error, Invalid | Unauthenticated):
                return await self._device(visit, trouble=TEXTS.of(visit.language).no_passkey)
            raise
        return signed_in_response(visit, signed_in, WELCOME)

    async def with_password(self, visit: Visit) -> Response:
        """A password was chosen; the second factor follows. Without one, the form for it."""
        chosen, texts = visit.form.text("password"), TEXTS.of(visit.language)
        if not chosen:
            return _password(visit)
        try:
            made = await visit.get("iam.patient.with-password", password=chosen, **_presented(visit))
        except Refused as refused:
            if isinstance(refused.error, Invalid):
                return _password(visit, texts.weak.format(hint=refused.error.message))
            return _refused(visit, refused)
        return _factor(visit, made["login"], made["otpauth_uri"])

    async def confirm(self, visit: Visit) -> Response:
        """The second factor is in place."""
        code = "".join(visit.form.text("totp").split())
        try:
            signed_in = await visit.get("iam.patient.confirm", totp=code, **_presented(visit))
        except Refused as refused:
            if refused.error.code == "iam.wrong-factor" or isinstance(refused.error, Invalid):
                login, uri = visit.form.text("login"), visit.form.text("uri")
                return _factor(visit, login, uri, TEXTS.of(visit.language).wrong_totp)
            return _refused(visit, refused)
        return signed_in_response(visit, signed_in, WELCOME)

    async def _device(self, visit: Visit, trouble: str = "") -> Response:
        try:
            asked = await visit.get("iam.patient.begin", **_presented(visit))
        except Refused as refused:
            return _refused(visit, refused)
        return visit.render(
            "enrol_device.html",
            t=TEXTS,
            asked=asked,
            trouble=trouble,
            kept=_kept(visit),
            status=401 if trouble else 200,
        )


def birth_date(visit: Visit) -> str:
    """`1958-03-14` out of three fields; empty if they are no date."""
    day, month, year = (visit.form.text(name).strip() for name in ("day", "month", "year"))
    if not (day.isdigit() and month.isdigit() and year.isdigit() and len(year) == 4):
        return ""
    return f"{year}-{int(month):02}-{int(day):02}" if 0 < int(month) < 13 and 0 < int(day) < 32 else ""


def _kept(visit: Visit) -> dict[str, str]:
    """What every step carries on."""
    return {name: visit.form.text(name) for name in ("code", "day", "month", "year")}


def _presented(visit: Visit) -> dict[str, str]:
    return {"code": visit.form.text("code"), "birth_date": birth_date(visit)}


def _first(visit: Visit, trouble: str = "", status: int = 400) -> Response:
    return visit.render("enrol.html", t=TEXTS, kept=_kept(visit), trouble=trouble, status=status if trouble else 200)


def _password(visit: Visit, trouble: str = "") -> Response:
    return visit.render(
        "enrol_password.html", t=TEXTS, kept=_kept(visit), trouble=trouble, status=400 if trouble else 200
    )


def _factor(visit: Visit, login: str, uri: str, trouble: str = "") -> Response:
    if not uri.startswith("otpauth://") or len(uri) > MAX_URI:
        raise Invalid("this is no second factor", code="portal.factor")
    drawn = segno.make(uri, error="m").svg_inline(scale=PICTURE_SCALE, light="#ffffff", dark="#000000")
    shown: dict[str, Any] = {
        "picture": Markup(drawn),  # noqa: S704 - drawn here, out of numbers
        "secret": parse_qs(urlparse(uri).query).get("secret", [""])[0],
        "login": login,
        "uri": uri,
    }
    status = 401 if trouble else 200
    return visit.render("enrol_factor.html", t=TEXTS, kept=_kept(visit), trouble=trouble, status=status, **shown)


def _refused(visit: Visit, refused: Refused) -> Response:
    """Back to step 1, with why: too many attempts, or code and date that do not go together."""
    texts = TEXTS.of(visit.language)
    if isinstance(refused.error, Throttled):
        return _first(visit, texts.throttled.format(seconds=refused.error.retry_after_s), 429)
    if isinstance(refused.error, Unauthenticated | Invalid):
        return _first(visit, texts.refused, 401)
    raise refused

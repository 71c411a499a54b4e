"""Enrolment: the one-time code, a password of one's own, and the second factor as a picture for the authenticator."""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlparse

import segno
from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.kernel.errors import Invalid, Throttled, Unauthenticated
from nexus.web.browser import paths
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Refused
from nexus.web.browser.visit import SEE_OTHER

PATH: Final = "/enrol"
PICTURE_SCALE: Final = 5
"""Pixels of a module of the QR code."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    login: str
    code: str
    code_help: str
    first_factor: str
    first_factor_help: str
    go_on: str
    scan_title: str
    scan: str
    picture: str
    by_hand: str
    second_factor: str
    second_factor_help: str
    confirm: str
    refused: str


TEXTS: Final = Bilingual(
    Texts(
        title="Enrol",
        intro="With the one-time code that you were given, you choose a password and take your second factor.",
        login="Login",
        code="One-time code",
        code_help="From whoever created your account. It works once.",
        first_factor="New password",
        first_factor_help="Twelve characters at least; several words are easy to remember.",
        go_on="Go on",
        scan_title="Your second factor",
        scan="Scan this with your authenticator application. It is shown once.",
        picture="QR code of the second factor",
        by_hand="Or type this key into it:",
        second_factor="Six-digit code",
        second_factor_help="What the application shows now: it proves that the second factor is in place.",
        confirm="Finish",
        refused="Refused:",
    ),
    Texts(
        title="Enrôlement",
        intro="Avec le code à usage unique reçu, vous choisissez un mot de passe et recevez votre second facteur.",
        login="Identifiant",
        code="Code à usage unique",
        code_help="Remis par la personne qui a créé votre compte. Il ne sert qu'une fois.",
        first_factor="Nouveau mot de passe",
        first_factor_help="Douze caractères au moins ; plusieurs mots se retiennent bien.",
        go_on="Continuer",
        scan_title="Votre second facteur",
        scan="Scannez ceci avec votre application d'authentification. Ce n'est montré qu'une fois.",
        picture="Code QR du second facteur",
        by_hand="Ou saisissez-y cette clé :",
        second_factor="Code à six chiffres",
        second_factor_help="Ce que l'application affiche maintenant : cela prouve que le second facteur est en place.",
        confirm="Terminer",
        refused="Refusé :",
    ),
)


async def show(visit: Visit) -> Response:
    """The form of the first half."""
    return _form(visit)


async def submit(visit: Visit) -> Response:
    """The first half gives the second factor; the second half, which knows a code of it, makes the person active."""
    form = visit.form
    login, code = form.text("login"), form.text("code").strip()
    try:
        if form.text("totp"):
            totp = "".join(form.text("totp").split())
            await visit.do("iam.enrolment.confirm", login=login, code=code, totp=totp)
            return RedirectResponse(f"{paths.SIGN_IN}?enrolled=1", SEE_OTHER)
        chosen = form.text("password")
        begun = await visit.get("iam.enrolment.start", login=login, code=code, password=chosen)
    except Refused as refused:
        if isinstance(refused.error, Invalid | Unauthenticated | Throttled):
            return _form(visit, trouble=refused.error.message, hint=refused.error.hint, status=400)
        raise
    return _second_factor(visit, begun["otpauth_uri"], login, code)


def _form(visit: Visit, *, trouble: str = "", hint: str = "", status: int = 200) -> Response:
    login = visit.form.text("login")
    return visit.render("enrol.html", t=TEXTS, login=login, trouble=trouble, hint=hint, status=status)


def _second_factor(visit: Visit, uri: str, login: str, code: str) -> Response:
    drawn = segno.make(uri, error="m").svg_inline(scale=PICTURE_SCALE, light="#ffffff", dark="#000000")
    secret = parse_qs(urlparse(uri).query)["secret"][0]
    picture = Markup(drawn)  # noqa: S704 - drawn here, out of numbers
    return visit.render("enrol_factor.html", t=TEXTS, picture=picture, secret=secret, login=login, code=code)


PAGES: Final = (Page(PATH, frozenset({"iam.enrolment.start", "iam.enrolment.confirm"}), show, submit, open=True),)

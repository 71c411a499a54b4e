"""Signing in with a passkey alone: no login, no password. The page holds a challenge; the browser's answer is the form."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.kernel.errors import Invalid, Unauthenticated
from nexus.web.browser import paths
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Refused
from nexus.web.browser.stepping import ANSWER

PATH: Final = "/sign-in/passkey"


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    use: str
    refused: str
    no_passkey: str
    instead: str


TEXTS: Final = Bilingual(
    Texts(
        title="Sign in with a passkey",
        intro="Your security key, your telephone or this computer signs in for you.",
        use="Use your passkey",
        refused="The passkey was refused. Try again, or sign in with password and code.",
        no_passkey="No passkey answered. Try again, or sign in with password and code.",
        instead="Sign in with password and code",
    ),
    Texts(
        title="Connexion par passkey",
        intro="Votre clé de sécurité, votre téléphone ou cet ordinateur vous connecte.",
        use="Utiliser votre passkey",
        refused="La passkey a été refusée. Réessayez, ou connectez-vous avec mot de passe et code.",
        no_passkey="Aucune passkey n'a répondu. Réessayez, ou connectez-vous avec mot de passe et code.",
        instead="Se connecter avec mot de passe et code",
    ),
)


async def show(visit: Visit) -> Response:
    """A challenge for this browser; whoever is signed in goes on at once."""
    wanted = paths.own(visit.query("next"))
    return visit.redirect(wanted) if visit.actor is not None else await _form(visit, wanted)


async def submit(visit: Visit) -> Response:
    """Open a session. It is always a new one: nothing that the browser brought becomes a session."""
    wanted = paths.own(visit.form.text("next"))
    visit.actor, former = None, visit.actor
    device = visit.cookies.device_token(visit.request)
    answer = {name: visit.form.text(name) for name in ANSWER}
    try:
        signed_in = await visit.get("iam.passkey.sign-in", **answer, **({"device": device} if device else {}))
    except Refused as refused:
        if isinstance(refused.error, Unauthenticated | Invalid):
            return await _form(visit, wanted, trouble=TEXTS.of(visit.language).refused, status=401)
        raise
    if former is not None:
        visit.actor = former
        await visit.do("iam.session.end", id=former.session)
    response = visit.redirect(wanted)
    visit.cookies.sign_in(response, signed_in["token"], signed_in["device"])
    return response


async def _form(visit: Visit, wanted: str, *, trouble: str = "", status: int = 200) -> Response:
    asked = await visit.get("iam.passkey.challenge")
    return visit.render(
        "passkey_sign_in.html", status=status, t=TEXTS, asked=asked, wanted=wanted, trouble=trouble, fields=ANSWER
    )


PAGES: Final = (
    Page(PATH, frozenset({"iam.passkey.challenge", "iam.passkey.sign-in", "iam.session.end"}), show, submit, open=True),
)

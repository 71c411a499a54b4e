"""Signing in with password and second factor, and signing out."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import RedirectResponse, Response

from nexus.console.page import Page
from nexus.console.pages import federation
from nexus.console.visit import Visit
from nexus.kernel.errors import Invalid, Throttled, Unauthenticated
from nexus.web.browser import paths
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Refused
from nexus.web.browser.visit import SEE_OTHER

SIGN_OUT: Final = "/sign-out"


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    login: str
    first_factor: str
    second_factor: str
    code_help: str
    submit: str
    refused: str
    throttled: str
    signed_out: str
    enrolled: str
    first_time: str
    outside: str
    enrol: str
    passkey: str


TEXTS: Final = Bilingual(
    Texts(
        title="Sign in",
        intro="With your password and the code of your authenticator application.",
        login="Login",
        first_factor="Password",
        second_factor="Six-digit code",
        code_help="What your authenticator shows now. Each code works once.",
        submit="Sign in",
        refused="Sign-in refused. Check login and password, and wait for the next code of your authenticator.",
        throttled="Too many attempts. Wait {seconds} seconds before you try again.",
        signed_out="You are signed out.",
        enrolled="You are enrolled. Sign in with the next code of your authenticator.",
        first_time="New here?",
        outside="Sign in with {name}",
        enrol="Enrol with your one-time code",
        passkey="Use a passkey instead",
    ),
    Texts(
        title="Connexion",
        intro="Avec votre mot de passe et le code de votre application d'authentification.",
        login="Identifiant",
        first_factor="Mot de passe",
        second_factor="Code à six chiffres",
        code_help="Ce que votre application affiche maintenant. Chaque code ne sert qu'une fois.",
        submit="Se connecter",
        refused="Connexion refusée. Vérifiez l'identifiant et le mot de passe, et attendez le code suivant.",
        throttled="Trop de tentatives. Attendez {seconds} secondes avant de réessayer.",
        signed_out="Vous êtes déconnecté.",
        enrolled="Vous êtes enrôlé. Connectez-vous avec le code suivant de votre application.",
        first_time="Première visite ?",
        outside="Se connecter avec {name}",
        enrol="S'enrôler avec le code à usage unique",
        passkey="Utiliser plutôt une passkey",
    ),
)


async def show(visit: Visit) -> Response:
    """The form; whoever is signed in goes on at once, unless a tool wants a fresh proof (`again`)."""
    wanted = paths.own(visit.query("next"))
    if visit.actor is not None and not visit.query("again"):
        return visit.redirect(wanted)
    texts = TEXTS.of(visit.language)
    said = texts.signed_out if visit.query("left") else texts.enrolled if visit.query("enrolled") else ""
    return await _form(visit, wanted, said=said)


async def submit(visit: Visit) -> Response:
    """Open a session. It is always a new one: nothing that the browser brought becomes a session."""
    wanted, texts = paths.own(visit.form.text("next")), TEXTS.of(visit.language)
    visit.actor, former = None, visit.actor
    typed = {"login": visit.form.text("login"), "password": visit.form.text("password"), "totp": _digits(visit)}
    device = visit.cookies.device_token(visit.request)
    try:
        signed_in = await visit.get("iam.session.create", **typed, **({"device": device} if device else {}))
    except Refused as refused:
        if isinstance(refused.error, Throttled):
            seconds = refused.error.retry_after_s
            return await _form(visit, wanted, trouble=texts.throttled.format(seconds=seconds), status=429)
        if isinstance(refused.error, Unauthenticated | Invalid):
            return await _form(visit, wanted, trouble=texts.refused, status=401)
        raise
    if former is not None:
        visit.actor = former
        await _end(visit)
    response = visit.redirect(wanted)
    visit.cookies.sign_in(response, signed_in["token"], signed_in["device"])
    return response


async def sign_out(visit: Visit) -> Response:
    """End the session, here and in the platform."""
    await _end(visit)
    response = RedirectResponse(f"{paths.SIGN_IN}?left=1", SEE_OTHER)
    visit.cookies.sign_out(response)
    return response


async def _end(visit: Visit) -> None:
    assert visit.actor is not None
    await visit.do("iam.session.end", id=visit.actor.session)


async def _form(visit: Visit, wanted: str, *, trouble: str = "", said: str = "", status: int = 200) -> Response:
    return visit.render(
        "sign_in.html",
        t=TEXTS,
        wanted=wanted,
        login=visit.form.text("login"),
        trouble=trouble,
        said=said,
        issuers=await federation.offered(visit),
        status=status,
    )


def _digits(visit: Visit) -> str:
    """Authenticators show codes in two groups."""
    return "".join(visit.form.text("code").split())


PAGES: Final = (
    Page(
        paths.SIGN_IN,
        frozenset({"iam.session.create", "iam.session.end", "iam.federation.issuers"}),
        show,
        submit,
        open=True,
    ),
    Page(SIGN_OUT, frozenset({"iam.session.end"}), submit=sign_out),
)

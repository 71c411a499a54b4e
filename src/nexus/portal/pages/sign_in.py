"""Signing in: with the device's own passkey first, with password and code for those who chose that; and signing out."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import RedirectResponse, Response

from nexus.kernel.errors import Invalid, Throttled, Unauthenticated
from nexus.portal.page import Page
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser import paths
from nexus.web.browser.operations import Document, Refused
from nexus.web.browser.stepping import ANSWER
from nexus.web.browser.visit import SEE_OTHER

TYPED: Final = "/sign-in/password"
SIGN_OUT: Final = "/sign-out"


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    use: str
    use_help: str
    no_passkey: str
    no_script: str
    typed: str
    login: str
    first_factor: str
    second_factor: str
    code_help: str
    submit: str
    refused: str
    throttled: str
    signed_out: str
    first_time: str
    enrol: str
    lost: str
    lost_help: str
    with_device: str


TEXTS: Final = spoken(
    Texts(
        title="Sign in",
        intro="See who used your health data, and decide.",
        use="Sign in with this device",
        use_help="As you unlock your telephone: finger, face or PIN.",
        no_passkey="Your device did not answer. Try again, or use your password.",
        no_script="Your browser runs no scripts, so a passkey cannot be used: sign in with your password.",
        typed="Sign in with a password",
        login="Identifier",
        first_factor="Password",
        second_factor="Six-digit code",
        code_help="What your authenticator application shows now. Each code works once.",
        submit="Sign in",
        refused="That did not work. Check what you typed, and wait for the next code.",
        throttled="Too many attempts. Wait {seconds} seconds before you try again.",
        signed_out="You are signed out.",
        first_time="You received a letter with a code?",
        enrol="Open my account",
        lost="You lost your telephone, or cannot sign in any more?",
        lost_help="Ask your hospital for a new letter: it closes the old access at once.",
        with_device="Sign in with this device",
    ),
    Texts(
        title="Se connecter",
        intro="Voyez qui a utilisé vos données de santé, et décidez.",
        use="Se connecter avec cet appareil",
        use_help="Comme vous déverrouillez votre téléphone : doigt, visage ou code.",
        no_passkey="Votre appareil n'a pas répondu. Réessayez, ou utilisez votre mot de passe.",
        no_script="Votre navigateur n'exécute pas de script : connectez-vous avec votre mot de passe.",
        typed="Se connecter avec un mot de passe",
        login="Identifiant",
        first_factor="Mot de passe",
        second_factor="Code à six chiffres",
        code_help="Ce que votre application affiche maintenant. Chaque code ne sert qu'une fois.",
        submit="Se connecter",
        refused="Cela n'a pas fonctionné. Vérifiez votre saisie, et attendez le code suivant.",
        throttled="Trop de tentatives. Attendez {seconds} secondes avant de réessayer.",
        signed_out="Vous êtes déconnecté.",
        first_time="Vous avez reçu un courrier avec un code ?",
        enrol="Ouvrir mon compte",
        lost="Vous avez perdu votre téléphone, ou ne pouvez plus vous connecter ?",
        lost_help="Demandez un nouveau courrier à votre hôpital : il ferme aussitôt l'ancien accès.",
        with_device="Se connecter avec cet appareil",
    ),
)


async def show(visit: Visit) -> Response:
    """A button for the device; whoever is signed in goes on at once."""
    wanted = paths.own(visit.query("next"))
    if visit.actor is not None:
        return visit.redirect(wanted)
    said = TEXTS.of(visit.language).signed_out if visit.query("left") else ""
    return await _form(visit, wanted, said=said)


async def submit(visit: Visit) -> Response:
    """Open a session with a passkey alone."""
    wanted, answer = paths.own(visit.form.text("next")), {name: visit.form.text(name) for name in ANSWER}
    try:
        signed_in = await _open(visit, "iam.passkey.sign-in", answer)
    except Refused as refused:
        if isinstance(refused.error, Unauthenticated | Invalid):
            return await _form(visit, wanted, trouble=TEXTS.of(visit.language).no_passkey, status=401)
        raise
    return signed_in_response(visit, signed_in, wanted)


async def show_password(visit: Visit) -> Response:
    """The form for password and code."""
    wanted = paths.own(visit.query("next"))
    return visit.redirect(wanted) if visit.actor is not None else _password_form(visit, wanted)


async def submit_password(visit: Visit) -> Response:
    """Open a session with password and code."""
    wanted, texts = paths.own(visit.form.text("next")), TEXTS.of(visit.language)
    code = "".join(visit.form.text("code").split())
    typed = {"login": visit.form.text("login"), "password": visit.form.text("password"), "totp": code}
    try:
        signed_in = await _open(visit, "iam.session.create", typed)
    except Refused as refused:
        if isinstance(refused.error, Throttled):
            seconds = refused.error.retry_after_s
            return _password_form(visit, wanted, trouble=texts.throttled.format(seconds=seconds), status=429)
        if isinstance(refused.error, Unauthenticated | Invalid):
            return _password_form(visit, wanted, trouble=texts.refused, status=401)
        raise
    return signed_in_response(visit, signed_in, wanted)


async def sign_out(visit: Visit) -> Response:
    """End the session, here and in the platform."""
    assert visit.actor is not None
    await visit.do("iam.session.end", id=visit.actor.session)
    response = RedirectResponse(f"{paths.SIGN_IN}?left=1", SEE_OTHER)
    visit.cookies.sign_out(response)
    return response


def signed_in_response(visit: Visit, signed_in: Document, wanted: str = paths.HOME) -> Response:
    """On to a page, with the new session in the browser."""
    response = visit.redirect(wanted)
    visit.cookies.sign_in(response, signed_in["token"], signed_in["device"])
    return response


async def _open(visit: Visit, operation: str, factors: dict[str, Any]) -> Document:
    """Always a new session, and the former one of this browser ends: nothing that it brought becomes a session."""
    visit.actor, former = None, visit.actor
    device = visit.cookies.device_token(visit.request)
    signed_in = await visit.get(operation, **factors, **({"device": device} if device else {}))
    if former is not None:
        visit.actor = former
        await visit.do("iam.session.end", id=former.session)
    return signed_in


async def _form(visit: Visit, wanted: str, *, trouble: str = "", said: str = "", status: int = 200) -> Response:
    asked = await visit.get("iam.passkey.challenge")
    return visit.render(
        "sign_in.html", status=status, said=said, t=TEXTS, asked=asked, wanted=wanted, trouble=trouble, fields=ANSWER
    )


def _password_form(visit: Visit, wanted: str, *, trouble: str = "", status: int = 200) -> Response:
    login = visit.form.text("login")
    return visit.render("sign_in_password.html", status=status, t=TEXTS, wanted=wanted, trouble=trouble, login=login)


PAGES: Final = (
    Page(
        paths.SIGN_IN,
        frozenset({"iam.passkey.challenge", "iam.passkey.sign-in", "iam.session.end"}),
        show,
        submit,
        open=True,
    ),
    Page(TYPED, frozenset({"iam.session.create", "iam.session.end"}), show_password, submit_password, open=True),
    Page(SIGN_OUT, frozenset({"iam.session.end"}), submit=sign_out),
)

"""The portal's page that asks for a fresh factor (`web.browser.stepping` says how it goes on)."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser import stepping


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    use_passkey: str
    or_code: str
    code: str
    code_help: str
    submit: str
    back: str
    refused: str
    no_passkey: str


TEXTS: Final = spoken(
    Texts(
        title="Is it you?",
        intro="This changes how your account is opened. Confirm that it is you; nothing has changed yet.",
        use_passkey="Confirm with this device",
        or_code="Or with the code of your authenticator",
        code="Six-digit code",
        code_help="What your application shows now. Each code works once.",
        submit="Confirm",
        back="Do not do it",
        refused="That was not accepted. Try again, or wait for the next code.",
        no_passkey="Your device did not answer. Try again.",
    ),
    Texts(
        title="Est-ce bien vous ?",
        intro="Ceci change la façon d'ouvrir votre compte. Confirmez que c'est vous ; rien n'a encore changé.",
        use_passkey="Confirmer avec cet appareil",
        or_code="Ou avec le code de votre application",
        code="Code à six chiffres",
        code_help="Ce que votre application affiche maintenant. Chaque code ne sert qu'une fois.",
        submit="Confirmer",
        back="Ne pas le faire",
        refused="Cela n'a pas été accepté. Réessayez, ou attendez le code suivant.",
        no_passkey="Votre appareil n'a pas répondu. Réessayez.",
    ),
)


async def ask(visit: Visit, digest: str) -> Response:
    """The page that asks for a fresh factor and then goes on with the form. Raises Refused."""
    asked = await stepping.begin(visit, digest)
    trouble = TEXTS.of(visit.language).refused if asked.again else ""
    return visit.render(
        "step_up.html",
        status=401,
        t=TEXTS,
        begun=asked.begun,
        kept=asked.kept,
        digest=asked.digest,
        trouble=trouble,
        prefix=stepping.PREFIX,
    )

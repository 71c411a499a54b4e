"""The console's page that asks for a fresh factor (`web.browser.stepping` says how it goes on)."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.visit import Visit
from nexus.web.browser import stepping
from nexus.web.browser.language import Bilingual


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    content: str
    with_passkey: str
    use_passkey: str
    with_code: str
    code: str
    code_help: str
    submit: str
    back: str
    refused: str
    no_passkey: str


TEXTS: Final = Bilingual(
    Texts(
        title="Prove a factor once more",
        intro="What you are about to do is sensitive. Prove a factor for exactly this; nothing has happened yet.",
        content="Content",
        with_passkey="With a passkey",
        use_passkey="Use your passkey",
        with_code="With a code",
        code="Six-digit code",
        code_help="What your authenticator shows now. Each code works once: wait for the next one.",
        submit="Confirm",
        back="Do not do it",
        refused="The factor was refused. Wait for the next code, or try your passkey again.",
        no_passkey="No passkey answered. Try again, or use a code.",
    ),
    Texts(
        title="Prouvez un facteur de nouveau",
        intro="Ce que vous allez faire est sensible. Prouvez un facteur pour exactement ceci ; rien n'a encore eu lieu.",
        content="Contenu",
        with_passkey="Avec une passkey",
        use_passkey="Utiliser votre passkey",
        with_code="Avec un code",
        code="Code à six chiffres",
        code_help="Ce que votre application affiche maintenant. Chaque code ne sert qu'une fois : attendez le suivant.",
        submit="Confirmer",
        back="Ne pas le faire",
        refused="Le facteur a été refusé. Attendez le code suivant, ou réessayez avec votre passkey.",
        no_passkey="Aucune passkey n'a répondu. Réessayez, ou utilisez un code.",
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

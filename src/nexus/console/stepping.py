"""A fresh factor in the browser: where an operation asks for one, the person proves it, and the same form is sent again.

1. A page's operation is refused with `iam.step-up-needed` and a digest. The console answers with one page, the same for
   all: it holds what the form held, the digest, and a challenge that commits to it.
2. That page sends the form to where it was going, with a passkey's answer or a code beside what it held.
3. `proof_in` makes a proof of it for exactly that digest; the page's handler runs as if nothing had been asked.

Nothing is kept here between the two requests. If the form comes back changed, the proof is for other content, and the
dispatcher refuses.
"""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.visit import Visit
from nexus.kernel.errors import NexusError, StepUpNeeded
from nexus.web.browser import forgery
from nexus.web.browser.language import Bilingual

PREFIX: Final = "step-up-"
"""What the fields of the fresh factor begin with; no page uses it for its own."""
ANSWER: Final = ("credential", "client_data", "authenticator_data", "signature", "user_handle")
"""The fields of a passkey's answer."""


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


async def proof_in(visit: Visit) -> str:
    """The proof of the fresh factor that a form brings; empty if it brings none. Raises Refused."""
    digest = _field(visit, "digest")
    if not digest:
        return ""
    code = "".join(_field(visit, "code").split())
    factor = {"totp": code} if code else {"assertion": {name: _field(visit, name) for name in ANSWER}}
    done = await visit.operations.call("iam.step-up.prove", {"digest": digest, **factor}, visit.sender())
    proof: str = done.document["proof"]
    return proof


def wanted(visit: Visit, error: NexusError) -> str:
    """The digest that a refused form has to prove a factor for; empty if that would not help."""
    if visit.request.method != "POST" or visit.actor is None:
        return ""
    if isinstance(error, StepUpNeeded):
        return error.digest
    return _field(visit, "digest") if error.code in {"iam.wrong-factor", "iam.passkey-refused"} else ""


async def ask(visit: Visit, digest: str) -> Response:
    """The page that asks for a fresh factor and then goes on with the form. Raises Refused."""
    begun = (await visit.operations.call("iam.step-up.begin", {"digest": digest}, visit.sender())).document
    kept = [
        (name, value)
        for name in visit.form.names()
        if not name.startswith(PREFIX) and name != forgery.FIELD
        for value in visit.form.texts(name)
    ]
    again = bool(_field(visit, "digest"))
    trouble = TEXTS.of(visit.language).refused if again else ""
    return visit.render(
        "step_up.html", status=401, t=TEXTS, begun=begun, kept=kept, digest=digest, trouble=trouble, prefix=PREFIX
    )


def _field(visit: Visit, name: str) -> str:
    return visit.form.text(PREFIX + name)

"""The console's page that asks for a fresh factor (`web.browser.stepping` says how it goes on)."""

from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.console.shown import Shown, shown
from nexus.console.titles import title_of
from nexus.console.visit import Visit
from nexus.web.browser import stepping
from nexus.web.browser.language import Bilingual

OF_APPROVALS: Final = frozenset({"iam.approval.approve", "iam.approval.execute"})
"""Operations whose content is that of an intent."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    content: str
    digest: str
    approved: str
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
        content="What it is for",
        digest="Digest of exactly this:",
        approved="This lets happen:",
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
        content="Ce que vous confirmez",
        digest="Empreinte de ceci exactement :",
        approved="Cela fera :",
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


@dataclass(frozen=True, slots=True)
class About:
    """What a factor is proved for, in words: what is done, to what, and (of an approval) what it lets happen."""

    title: str
    content: Shown
    approved: str = ""


async def _about(visit: Visit) -> About | None:
    """What was tried and refused. Of an approval or an execution, that which is approved, as the second person reads it."""
    if visit.attempted is None:
        return None
    name, fields = visit.attempted
    spec = visit.operations.specs[name]
    title = title_of(spec).of(visit.language)
    if name not in OF_APPROVALS:
        await visit.meet(fields)
        return About(title, shown(fields, spec.request))
    intent = (await visit.operations.call("iam.approval.read", {"id": fields["id"]}, visit.sender())).document
    target = visit.operations.specs.get(intent["operation"])
    await visit.meet(intent["request"])
    content = shown(msgspec.json.decode(intent["request"]), target.request if target else Any)
    return About(title, content, title_of(target).of(visit.language) if target else intent["operation"])


async def ask(visit: Visit, digest: str) -> Response:
    """The page that asks for a fresh factor and then goes on with the form. Raises Refused."""
    asked = await stepping.begin(visit, digest)
    about = await _about(visit)
    trouble = TEXTS.of(visit.language).refused if asked.again else ""
    return visit.render(
        "step_up.html",
        status=401,
        t=TEXTS,
        begun=asked.begun,
        kept=asked.kept,
        digest=asked.digest,
        about=about,
        trouble=trouble,
        prefix=stepping.PREFIX,
    )

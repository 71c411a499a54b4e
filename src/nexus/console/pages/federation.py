"""Signing in with an outside issuer: to it, and back from it. Linking one's account goes the same two ways.

The transaction stays in a cookie of its own for as long as that takes. That cookie alone is `SameSite=Lax`: the browser
comes back from another site, and a strict one would not be there. It opens nothing without the issuer's answer.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.responses import Response

from nexus.console.groups import MINE
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.web.browser import paths
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Document, Refused

CALLBACK: Final = "/federation/callback"
MINE_PATH: Final = "/outside-accounts"
COOKIE: Final = "__Host-nexus-federation"
COOKIE_VALID_S: Final = 600
SIGN_IN: Final = "in"
LINK: Final = "link"
MAX_COOKIE: Final = 4_096


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    go: str
    refused: str
    back: str
    mine: str
    mine_intro: str
    issuer: str
    linked: str
    used: str
    never: str
    remove: str
    none: str
    link: str
    no_issuer: str


TEXTS: Final = Bilingual(
    Texts(
        title="Sign in with {name}",
        intro="You leave this platform for {host}, sign in there, and come back.",
        go="Go to {name}",
        refused="That did not sign you in.",
        back="Back",
        mine="Outside accounts",
        mine_intro="Whoever signs in there with an account of yours that is linked here signs in here.",
        issuer="Where",
        linked="Linked",
        used="Last used",
        never="never",
        remove="Unlink",
        none="No outside account of yours is linked.",
        link="Link an account at {name}",
        no_issuer="This platform knows no outside issuer.",
    ),
    Texts(
        title="Se connecter avec {name}",
        intro="Vous quittez cette plateforme pour {host}, vous y connectez, puis revenez.",
        go="Aller chez {name}",
        refused="Cela ne vous a pas connecté.",
        back="Retour",
        mine="Comptes extérieurs",
        mine_intro="Qui se connecte là-bas avec un compte qui est le vôtre et lié ici se connecte ici.",
        issuer="Où",
        linked="Lié",
        used="Dernier usage",
        never="jamais",
        remove="Délier",
        none="Aucun compte extérieur n'est lié au vôtre.",
        link="Lier un compte chez {name}",
        no_issuer="Cette plateforme ne connaît aucun émetteur extérieur.",
    ),
)


async def offered(visit: Visit) -> list[dict[str, str]]:
    """The outside issuers for the sign-in page: name and title in the reader's language; none while they cannot be read."""
    try:
        listed = (await visit.get("iam.federation.issuers"))["issuers"]
    except Refused:
        return []
    french = visit.language.value == "fr"
    return [{"name": each["name"], "title": each["titre" if french else "title"]} for each in listed]


async def begin(visit: Visit) -> Response:
    """A page that says where the link leads. A form may not lead to another site, a link may: the reader sees it."""
    name = visit.path["name"]
    return await _leave(visit, name, SIGN_IN, await visit.get("iam.federation.begin", issuer=name))


async def mine(visit: Visit) -> Response:
    """The outside accounts of the person who is signed in."""
    found = await visit.get("iam.federation.list", identity=_me(visit))
    return visit.render("outside_accounts.html", t=TEXTS, links=found["links"], issuers=await offered(visit))


async def begin_link(visit: Visit) -> Response:
    """Begin to link an account. The platform wants a fresh factor first (`stepping.py`)."""
    name = visit.form.text("issuer")
    return await _leave(
        visit, name, LINK, await visit.get("iam.federation.begin-link", identity=_me(visit), issuer=name)
    )


async def unlink(visit: Visit) -> Response:
    """Let an outside account open nothing any more."""
    await visit.do("iam.federation.unlink", id=visit.path["id"])
    return visit.redirect(MINE_PATH)


async def _leave(visit: Visit, name: str, way: str, begun: Document) -> Response:
    titles = {each["name"]: each["title"] for each in await offered(visit)}
    shown: dict[str, Any] = {"name": titles.get(name, name), "host": urlsplit(begun["url"]).netloc, "url": begun["url"]}
    back = MINE_PATH if way == LINK else paths.SIGN_IN
    response = visit.render("federation.html", t=TEXTS, back=back, **shown)
    _keep(response, way, begun["transaction"])
    return response


async def come_back(visit: Visit) -> Response:
    """What the issuer answered, through the browser.

    It arrives from another site, without our strict cookies: the same address is asked for once more, from here.
    """
    if visit.request.headers.get("sec-fetch-site") == "cross-site":
        return visit.render("bounce.html", here=f"{CALLBACK}?{visit.request.url.query}")
    way, _, kept = visit.request.cookies.get(COOKIE, "")[:MAX_COOKIE].partition(".")
    answer = {name: visit.query(name) for name in ("state", "code", "iss") if visit.query(name)}
    if not kept or "code" not in answer:
        return _refused(visit)
    try:
        return await (_link if way == LINK else _sign_in)(visit, {**answer, "transaction": kept})
    except Refused as refused:
        return _refused(visit, refused.error.hint or refused.error.message)


async def _sign_in(visit: Visit, answer: dict[str, str]) -> Response:
    device = visit.cookies.device_token(visit.request)
    visit.actor = None
    signed_in = await visit.get("iam.federation.complete", **answer, **({"device": device} if device else {}))
    response = visit.redirect(paths.HOME)
    _forget(response)
    visit.cookies.sign_in(response, signed_in["token"], signed_in["device"])
    return response


async def _link(visit: Visit, answer: dict[str, str]) -> Response:
    if visit.actor is None:
        return _refused(visit)
    await visit.get("iam.federation.link", identity=_me(visit), **answer)
    response = visit.redirect(MINE_PATH)
    _forget(response)
    return response


def _refused(visit: Visit, hint: str = "") -> Response:
    response = visit.render("federation_refused.html", t=TEXTS, hint=hint, status=401)
    _forget(response)
    return response


def _forget(response: Response) -> None:
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")


def _me(visit: Visit) -> str:
    assert visit.actor is not None
    return visit.actor.id


def _keep(response: Response, way: str, transaction: str) -> None:
    response.set_cookie(
        COOKIE, f"{way}.{transaction}", COOKIE_VALID_S, path="/", secure=True, httponly=True, samesite="lax"
    )


PAGES: Final = (
    Page(CALLBACK, frozenset({"iam.federation.complete", "iam.federation.link"}), show=come_back, open=True),
    Page(
        MINE_PATH,
        frozenset({"iam.federation.list", "iam.federation.issuers"}),
        mine,
        menu=Bilingual("Outside accounts", "Comptes extérieurs"),
        group=MINE,
    ),
    Page(f"{MINE_PATH}/begin", frozenset({"iam.federation.begin-link", "iam.federation.issuers"}), submit=begin_link),
    Page(f"{MINE_PATH}/{{id}}/remove", frozenset({"iam.federation.unlink"}), submit=unlink),
    Page("/federation/{name}", frozenset({"iam.federation.issuers", "iam.federation.begin"}), show=begin, open=True),
)

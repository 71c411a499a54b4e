"""Sessions on the machine: who was there, what happened, and a way to end one that should not go on."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from nexus.console.groups import PLATFORM
from nexus.console.page import Page
from nexus.console.recording import moments_of
from nexus.console.visit import Visit
from nexus.kernel.errors import NotFound
from nexus.web.browser.language import Bilingual

MENU: Final = Bilingual("Sessions on the machine", "Sessions sur la machine")
PAGE: Final = 50
"""Sessions on a page."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    who: str
    origin: str
    command: str
    interactive: str
    began: str
    ended: str
    is_open: str
    none: str
    look: str
    one_title: str
    watch: str
    watch_help: str
    replay: str
    verify: str
    cut: str
    recording: str
    shown: str
    typed: str
    marked: str
    more: str
    again: str
    download: str
    nothing: str
    size: str
    erased: str


TEXTS: Final = Bilingual(
    Texts(
        title="Sessions on the machine",
        intro="Whoever works on the machine comes through the bastion, for a while, and is recorded.",
        who="Who",
        origin="From",
        command="Command",
        interactive="a shell",
        began="Began",
        ended="Ended",
        is_open="open now",
        none="Nobody was on the machine.",
        look="Look at it",
        one_title="Session on the machine",
        watch="Watch",
        watch_help="Its operator is told that somebody watches.",
        replay="Replay",
        verify="Compare with the audit log",
        cut="Cut it",
        recording="What happened",
        shown="shown",
        typed="typed",
        marked="marked",
        more="Go on",
        again="Look again",
        download="Save this part of the recording",
        nothing="Nothing happened in this part.",
        size="Recorded",
        erased="The recording was kept for its time. Erased:",
    ),
    Texts(
        title="Sessions sur la machine",
        intro="Qui travaille sur la machine passe par le bastion, pour un temps, et est enregistré.",
        who="Qui",
        origin="Depuis",
        command="Commande",
        interactive="un interpréteur",
        began="Début",
        ended="Fin",
        is_open="en cours",
        none="Personne n'est passé sur la machine.",
        look="La regarder",
        one_title="Session sur la machine",
        watch="Suivre",
        watch_help="La personne qui travaille sait que quelqu'un la suit.",
        replay="Rejouer",
        verify="Comparer avec le journal",
        cut="La couper",
        recording="Ce qui s'est passé",
        shown="affiché",
        typed="saisi",
        marked="repère",
        more="Suite",
        again="Regarder de nouveau",
        download="Enregistrer cette partie",
        nothing="Rien ne s'est passé dans cette partie.",
        size="Enregistré",
        erased="L'enregistrement a été conservé le temps prévu. Effacé :",
    ),
)


async def show_list(visit: Visit) -> Response:
    """A page of the list, newest first."""
    before = visit.query("before")
    found = await visit.get("bastion.session.list", limit=PAGE, **({"before": before} if before else {}))
    sessions = found["sessions"]
    await visit.meet(sessions)
    following = sessions[-1]["id"] if len(sessions) == PAGE else ""
    return visit.render("shells.html", t=TEXTS, sessions=sessions, following=following)


async def show_one(visit: Visit) -> Response:
    """One session; what happened in it where that is asked for, because that reading is recorded too."""
    session = await visit.get("bastion.session.read", id=visit.path["id"])
    part = await _part(visit, session) if visit.query("show") else None
    await visit.meet(session)
    moments = moments_of(part["cast"]) if part else []
    return visit.render("shell.html", t=TEXTS, session=session, part=part, moments=moments, after=_start(visit))


async def download(visit: Visit) -> Response:
    """A part of the recording as a file, for a player."""
    session = await visit.get("bastion.session.read", id=visit.path["id"])
    part = await _part(visit, session)
    headers = {"Content-Disposition": f'attachment; filename="session-{_start(visit)}.cast"'}
    return Response(part["cast"], headers=headers, media_type="application/x-asciicast")


async def _part(visit: Visit, session: dict[str, Any]) -> dict[str, Any]:
    reading = "bastion.session.replay" if session["ended_at"] else "bastion.session.watch"
    return await visit.get(reading, id=session["id"], after=_start(visit))


def _start(visit: Visit) -> int:
    after = visit.query("after") or "0"
    if not (after.isascii() and after.isdigit()) or len(after) > 18:
        raise NotFound("there is no such part of the recording", code="console.no-part")
    return int(after)


_READ: Final = frozenset({"bastion.session.read", "bastion.session.watch", "bastion.session.replay"})
PAGES: Final = (
    Page(
        "/shells",
        frozenset({"bastion.session.list"}),
        show_list,
        menu=MENU,
        group=PLATFORM,
        needs="bastion.session.list",
    ),
    Page("/shells/{id}", _READ, show_one),
    Page("/shells/{id}/cast", _READ, download),
)

"""My passkeys: which there are, one more, another name, none any more."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.console.groups import MINE
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.web.browser.language import Bilingual

PATH: Final = "/passkeys"
MENU: Final = Bilingual("My passkeys", "Mes passkeys")


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    name: str
    created: str
    used: str
    state: str
    never: str
    synced: str
    cloned: str
    rename: str
    remove: str
    none: str
    one_more: str
    new_name: str
    new_help: str
    begin: str
    make_title: str
    make_intro: str
    make: str
    no_passkey: str
    back: str


TEXTS: Final = Bilingual(
    Texts(
        title="My passkeys",
        intro="A passkey signs in alone and cannot be guessed or phished. Have two, and keep them apart.",
        name="Name",
        created="Registered",
        used="Last used",
        state="State",
        never="never",
        synced="synced between your devices",
        cloned="suspended: a copy of it was used",
        rename="Rename",
        remove="Remove",
        none="You have no passkey yet.",
        one_more="Register a passkey",
        new_name="What do you call it?",
        new_help="A name that tells it from your others: telephone, blue key.",
        begin="Go on",
        make_title="Register the passkey",
        make_intro="Do what your browser asks for: touch the key, type its PIN, show your finger.",
        make="Make the passkey",
        no_passkey="No passkey was made. Try again.",
        back="Back to my passkeys",
    ),
    Texts(
        title="Mes passkeys",
        intro="Une passkey suffit à vous connecter, ne se devine pas et résiste au hameçonnage. Ayez-en deux, à part.",
        name="Nom",
        created="Enregistrée",
        used="Dernier usage",
        state="État",
        never="jamais",
        synced="synchronisée entre vos appareils",
        cloned="suspendue : une copie en a été utilisée",
        rename="Renommer",
        remove="Retirer",
        none="Vous n'avez pas encore de passkey.",
        one_more="Enregistrer une passkey",
        new_name="Comment l'appelez-vous ?",
        new_help="Un nom qui la distingue des autres : téléphone, clé bleue.",
        begin="Continuer",
        make_title="Enregistrer la passkey",
        make_intro="Faites ce que demande le navigateur : toucher la clé, saisir son code, montrer le doigt.",
        make="Créer la passkey",
        no_passkey="Aucune passkey n'a été créée. Réessayez.",
        back="Retour à mes passkeys",
    ),
)


async def show(visit: Visit) -> Response:
    """The passkeys of the person who is signed in."""
    found = await visit.get("iam.passkey.list", identity=_me(visit))
    return visit.render("passkeys.html", t=TEXTS, passkeys=found["passkeys"])


async def begin(visit: Visit) -> Response:
    """Ask for a passkey under a name. The platform wants a fresh factor first (`stepping.py`)."""
    name = visit.form.text("name")
    asked = await visit.get("iam.passkey.begin", identity=_me(visit), name=name)
    return visit.render("passkey_create.html", t=TEXTS, asked=asked, name=name)


async def register(visit: Visit) -> Response:
    """Store what the authenticator made."""
    made = {field: visit.form.text(field) for field in ("name", "client_data", "attestation")}
    await visit.do("iam.passkey.register", identity=_me(visit), **made)
    return visit.redirect(PATH)


async def rename(visit: Visit) -> Response:
    """Another name."""
    await visit.do("iam.passkey.rename", id=visit.path["id"], name=visit.form.text("name"))
    return visit.redirect(PATH)


async def remove(visit: Visit) -> Response:
    """Refuse it from now on. The platform wants a fresh factor first."""
    await visit.do("iam.passkey.remove", id=visit.path["id"])
    return visit.redirect(PATH)


def _me(visit: Visit) -> str:
    assert visit.actor is not None
    return visit.actor.id


PAGES: Final = (
    Page(PATH, frozenset({"iam.passkey.list", "iam.passkey.register"}), show, register, menu=MENU, group=MINE),
    Page(f"{PATH}/begin", frozenset({"iam.passkey.begin"}), submit=begin),
    Page(f"{PATH}/{{id}}/name", frozenset({"iam.passkey.rename"}), submit=rename),
    Page(f"{PATH}/{{id}}/remove", frozenset({"iam.passkey.remove"}), submit=remove),
)

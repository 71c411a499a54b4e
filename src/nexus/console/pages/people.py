"""People: the list, and each person's record, rights, sessions and credentials."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from nexus.console.groups import IDENTITIES, MINE
from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.web.browser.language import Bilingual

MENU: Final = Bilingual("People", "Personnes")
OWN_MENU: Final = Bilingual("My keys and sessions", "Mes clés et sessions")
PAGE: Final = 50
"""Persons on a page of the list."""
PARTS: Final = {
    "rights": ("iam.role.list", "grants"),
    "sessions": ("iam.session.list", "sessions"),
    "keys": ("iam.access-key.list", "access_keys"),
    "tokens": ("iam.token.list", "tokens"),
    "passkeys": ("iam.passkey.list", "passkeys"),
    "certificates": ("iam.device.list", "devices"),
}
"""Tab -> operation that lists what belongs to an identity, and where its rows stand."""
OF_PERSONS: Final = tuple(PARTS)
OF_MACHINES: Final = tuple(part for part in PARTS if part not in {"sessions", "passkeys"})
"""A machine opens no session, and holds nothing that a finger touches."""
OWN: Final = tuple(part for part in PARTS if part != "passkeys")
"""One's own passkeys have a page of their own."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    intro: str
    create: str
    name: str
    login: str
    email: str
    state: str
    since: str
    by: str
    number: str
    none: str
    parts: str
    rights: str
    sessions: str
    keys: str
    tokens: str
    passkeys: str
    certificates: str
    fingerprint: str
    registered: str
    by_whom: str
    never: str
    enrol_device: str
    role: str
    scope: str
    ends: str
    granted_by: str
    grant: str
    grant_privileged: str
    revoke: str
    origin: str
    client: str
    last_used: str
    end: str
    this_session: str
    purpose: str
    label: str
    revoked: str
    yes: str
    suspend: str
    resume: str
    delete: str
    re_enrol: str
    make_key: str
    make_token: str
    change_password: str
    nothing_here: str
    own_title: str
    own_intro: str
    not_suspended: str


TEXTS: Final = Bilingual(
    Texts(
        title="People",
        intro="Everybody with an account here. An account alone gives no right.",
        create="Create a person",
        name="Name",
        login="Login",
        email="E-mail",
        state="State",
        since="Since",
        by="Created by",
        number="Number",
        none="Nobody on this page.",
        parts="What belongs to this identity",
        rights="Rights",
        sessions="Sessions",
        keys="Access keys",
        tokens="Service tokens",
        passkeys="Passkeys",
        certificates="Certificates",
        fingerprint="Fingerprint",
        registered="Registered",
        by_whom="Enrolled by",
        never="never",
        enrol_device="Enrol a certificate",
        role="Role",
        scope="Where",
        ends="Ends",
        granted_by="Granted by",
        grant="Grant a role",
        grant_privileged="Grant a privileged role",
        revoke="Revoke",
        origin="From",
        client="Browser or program",
        last_used="Last used",
        end="End it",
        this_session="this one",
        purpose="Purpose",
        label="Label",
        revoked="Revoked",
        yes="yes",
        suspend="Suspend",
        resume="End the suspension",
        delete="Delete",
        re_enrol="Let enrol again",
        make_key="Create an access key",
        make_token="Create a service token",  # noqa: S106 - words on a button
        change_password="Change my password",  # noqa: S106
        nothing_here="Nothing here.",
        own_title="My keys and sessions",
        own_intro="Where you are signed in, and what programs of yours sign in with. End what you do not know.",
        not_suspended="Suspending stops sessions, keys and machines at once.",
    ),
    Texts(
        title="Personnes",
        intro="Toutes les personnes qui ont un compte ici. Un compte seul ne donne aucun droit.",
        create="Créer une personne",
        name="Nom",
        login="Identifiant",
        email="Courriel",
        state="État",
        since="Depuis",
        by="Créée par",
        number="Numéro",
        none="Personne sur cette page.",
        parts="Ce qui appartient à cette identité",
        rights="Droits",
        sessions="Sessions ouvertes",
        keys="Clés d'accès",
        tokens="Jetons de service",
        passkeys="Clés personnelles (passkeys)",
        certificates="Certificats",
        fingerprint="Empreinte",
        registered="Enregistrée",
        by_whom="Enrôlé par",
        never="jamais",
        enrol_device="Enrôler un certificat",
        role="Rôle",
        scope="Périmètre",
        ends="Fin",
        granted_by="Attribué par",
        grant="Attribuer un rôle",
        grant_privileged="Attribuer un rôle privilégié",
        revoke="Révoquer",
        origin="Depuis",
        client="Navigateur ou programme",
        last_used="Dernier usage",
        end="Fermer",
        this_session="celle-ci",
        purpose="Finalité",
        label="Libellé",
        revoked="Révoquée",
        yes="oui",
        suspend="Suspendre",
        resume="Lever la suspension",
        delete="Supprimer",
        re_enrol="Permettre un nouvel enrôlement",
        make_key="Créer une clé d'accès",
        make_token="Créer un jeton de service",  # noqa: S106
        change_password="Changer mon mot de passe",  # noqa: S106
        nothing_here="Rien ici.",
        own_title="Mes clés et sessions",
        own_intro="Où vous êtes connecté, et avec quoi vos programmes se connectent. Fermez ce que vous ne connaissez pas.",
        not_suspended="Une suspension arrête aussitôt sessions, clés et machines.",
    ),
)


async def show_list(visit: Visit) -> Response:
    """A page of the list, in order of creation."""
    after = visit.query("after")
    found = await visit.get("iam.person.list", limit=PAGE, **({"after": after} if after else {}))
    persons = found["persons"]
    following = persons[-1]["id"] if len(persons) == PAGE else ""
    return visit.render("people.html", t=TEXTS, persons=persons, following=following)


async def show_one(visit: Visit) -> Response:
    """One person, with one of the lists that belong to her."""
    person = await visit.get("iam.person.read", id=visit.path["id"])
    return await with_part(visit, "person.html", person["id"], f"/people/{person['id']}", OF_PERSONS, person=person)


async def show_own(visit: Visit) -> Response:
    """One's own sessions and credentials."""
    assert visit.actor is not None
    return await with_part(visit, "own.html", visit.actor.id, "/me", OWN, default="sessions")


async def with_part(
    visit: Visit,
    template: str,
    identity: str,
    here: str,
    parts: Sequence[str],
    *,
    default: str = "rights",
    **values: Any,
) -> Response:
    """A page with tabs: one list at a time, so that nothing is read and recorded that nobody looks at."""
    part = visit.query("part") if visit.query("part") in parts else default
    operation, rows = PARTS[part]
    found = await visit.try_get(operation, identity=identity)
    listed = None if found is None else found[rows]
    await visit.meet(listed, values)
    session = visit.actor.session if visit.actor else ""
    return visit.render(
        template,
        t=TEXTS,
        identity=identity,
        part=part,
        parts=parts,
        rows=listed,
        here=f"{here}?part={part}",
        base=here,
        session=session,
        **values,
    )


_LISTS: Final = frozenset(operation for operation, _ in PARTS.values())
PAGES: Final = (
    Page("/me", _LISTS, show_own, menu=OWN_MENU, group=MINE),
    Page("/people", frozenset({"iam.person.list"}), show_list, menu=MENU, group=IDENTITIES, needs="iam.person.list"),
    Page("/people/{id}", frozenset({"iam.person.read"}) | _LISTS, show_one),
)

"""My account: the devices that open it, what happened to it, and a device more or less."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.portal.page import Page
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser.language import Bilingual
from nexus.web.browser.operations import Document

PATH: Final = "/compte"
NEW: Final = "/compte/appareils"
REMOVE: Final = "/compte/appareils/{id}/retirer"
SEEN: Final = "/compte/avis"


@dataclass(frozen=True, slots=True)
class Texts:
    """What the pages say."""

    title: str
    devices: str
    devices_help: str
    added: str
    used: str
    never: str
    suspended: str
    remove: str
    none: str
    mail: str
    mail_help: str
    mail_choose: str
    more: str
    more_help: str
    name: str
    name_help: str
    go_on: str
    make_title: str
    make_intro: str
    make: str
    no_passkey: str
    back: str
    done_added: str
    done_removed: str
    happened: str
    happened_help: str
    nothing: str
    seen: str
    safety: str
    safety_text: str


TEXTS: Final = spoken(
    Texts(
        title="My account",
        devices="Devices that open my account",
        devices_help="Have two if you can: if you lose one, the other still lets you in.",
        added="Added on",
        used="Last used on",
        never="never used",
        suspended="Closed: a copy of it was used",
        remove="Remove",
        none="You sign in with a password. A device is simpler and safer.",
        mail="Notices by e-mail",
        mail_help="If you wish, a message tells you that your data were used.",
        mail_choose="Choose when I am told",
        more="Add this device",
        more_help="A telephone, a tablet, a computer or a security key.",
        name="A name for it",
        name_help="For instance: my telephone, the tablet at home.",
        go_on="Go on",
        make_title="Add this device",
        make_intro="Do what your device asks for: finger, face or PIN.",
        make="Add it",
        no_passkey="Your device did not answer. Try again.",
        back="Back to my account",
        done_added="The device is added.",
        done_removed="The device is removed. It opens your account no more.",
        happened="What happened to my account",
        happened_help="If this was not you, ask your hospital for a new letter: it closes the old access at once.",
        nothing="Nothing new.",
        seen="It was me",
        safety="Your account is yours alone",
        safety_text="Nobody of the hospital can sign in for you. Whoever works here and is a patient too has two separate accounts.",
    ),
    Texts(
        title="Mon compte",
        devices="Les appareils qui ouvrent mon compte",
        devices_help="Ayez-en deux si possible : si vous en perdez un, l'autre vous laisse entrer.",
        added="Ajouté le",
        used="Utilisé le",
        never="jamais utilisé",
        suspended="Fermé : une copie en a été utilisée",
        remove="Retirer",
        none="Vous vous connectez avec un mot de passe. Un appareil est plus simple et plus sûr.",
        mail="Avis par courriel",
        mail_help="Si vous le souhaitez, un message vous dit que vos données ont été utilisées.",
        mail_choose="Choisir quand être averti",
        more="Ajouter cet appareil",
        more_help="Un téléphone, une tablette, un ordinateur ou une clé de sécurité.",
        name="Un nom pour lui",
        name_help="Par exemple : mon téléphone, la tablette de la maison.",
        go_on="Continuer",
        make_title="Ajouter cet appareil",
        make_intro="Faites ce que votre appareil demande : doigt, visage ou code.",
        make="L'ajouter",
        no_passkey="Votre appareil n'a pas répondu. Réessayez.",
        back="Revenir à mon compte",
        done_added="L'appareil est ajouté.",
        done_removed="L'appareil est retiré. Il n'ouvre plus votre compte.",
        happened="Ce qui est arrivé à mon compte",
        happened_help="Si ce n'était pas vous, demandez un nouveau courrier à votre hôpital : il ferme aussitôt l'ancien accès.",
        nothing="Rien de nouveau.",
        seen="C'était moi",
        safety="Votre compte n'est qu'à vous",
        safety_text="Personne à l'hôpital ne peut se connecter à votre place. Qui travaille ici et y est aussi patient a deux comptes séparés.",
    ),
)


HAPPENED: Final[Mapping[str, Bilingual[str]]] = {
    "new_device": spoken("Sign-in from a device that was not known", "Connexion depuis un appareil inconnu jusque-là"),
    "refused_code": spoken("The right password with a wrong code", "Le bon mot de passe, avec un code faux"),
    "new_factors": spoken("A password was chosen", "Un mot de passe a été choisi"),
    "new_passkey": spoken("A device was added", "Un appareil a été ajouté"),
    "passkey_removed": spoken("A device was removed", "Un appareil a été retiré"),
    "passkey_cloned": spoken(
        "A copy of a device was used: it is closed", "La copie d'un appareil a servi : il est fermé"
    ),
}
OTHER: Final = spoken("Your account was changed", "Votre compte a été modifié")


def _told(notice: Document) -> Bilingual[str]:
    return HAPPENED.get(notice["kind"], OTHER)


async def show(visit: Visit) -> Response:
    """Devices, and notices that were not seen yet."""
    held = await visit.get("iam.passkey.list", identity=visit.account)
    noticed = await visit.get("iam.notice.list", identity=visit.account)
    texts = TEXTS.of(visit.language)
    said = {"ajoute": texts.done_added, "retire": texts.done_removed}.get(visit.query("fait"), "")
    notices = [(_told(notice).of(visit.language), notice) for notice in noticed["notices"] if not notice["seen"]]
    return visit.render("account.html", t=TEXTS, said=said, devices=held["passkeys"], notices=notices)


async def add(visit: Visit) -> Response:
    """Ask the device for a passkey, or take the one that it made. The platform asks first whether it is really you."""
    name = visit.form.text("name")
    if visit.form.text("attestation"):
        made = {part: visit.form.text(part) for part in ("client_data", "attestation")}
        await visit.do("iam.passkey.register", identity=visit.account, name=name, **made)
        return visit.redirect(f"{PATH}?fait=ajoute")
    asked = await visit.get("iam.passkey.begin", identity=visit.account, name=name)
    return visit.render("account_device.html", t=TEXTS, asked=asked, name=name)


async def remove(visit: Visit) -> Response:
    """Refuse a device from now on."""
    await visit.do("iam.passkey.remove", id=visit.path["id"])
    return visit.redirect(f"{PATH}?fait=retire")


async def seen(visit: Visit) -> Response:
    """The patient knows of all that."""
    await visit.do("iam.notice.acknowledge", identity=visit.account)
    return visit.redirect(PATH)


PAGES: Final = (
    Page(
        PATH,
        frozenset({"iam.passkey.list", "iam.notice.list"}),
        show,
        menu=spoken("Account", "Compte"),
        icon="person",
    ),
    Page(NEW, frozenset({"iam.passkey.begin", "iam.passkey.register"}), submit=add),
    Page(REMOVE, frozenset({"iam.passkey.remove"}), submit=remove),
    Page(SEEN, frozenset({"iam.notice.acknowledge"}), submit=seen),
)

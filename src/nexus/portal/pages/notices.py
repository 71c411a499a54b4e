"""To be told by e-mail: an address, confirmed by a code, how often, and no more."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from nexus.kernel.errors import Invalid, Throttled
from nexus.portal.notices import choosing
from nexus.portal.notices.model import Wish
from nexus.portal.page import Page
from nexus.portal.visit import Visit
from nexus.portal.wording import spoken
from nexus.web.browser.operations import Document, Refused

PATH: Final = "/compte/courriel"
ADDRESS: Final = "/compte/courriel/adresse"
CODE: Final = "/compte/courriel/code"
STOP: Final = "/compte/courriel/fin"


@dataclass(frozen=True, slots=True)
class Texts:
    """What the page says."""

    title: str
    intro: str
    says: str
    knows: str
    none: str
    now: str
    to: str
    failed: str
    often: str
    wishes: dict[str, str]
    helps: dict[str, str]
    refused: str
    keep: str
    address: str
    other: str
    address_help: str
    send: str
    code: str
    code_help: str
    confirm: str
    stop: str
    stop_help: str
    stop_now: str
    back: str
    done: dict[str, str]
    wrong_code: str
    wrong_address: str
    too_many: str


TEXTS: Final = spoken(
    Texts(
        title="Notices by e-mail",
        intro="If you wish, a message tells you that your data were used. An emergency access is told at once.",
        says="What the message says",
        knows="A number: “your data were used 3 times”. No name, no hospital, no illness, no link. But whoever reads your mail, and the company that keeps it, learns that you have an account here and when messages come. Once a day or once a week says less than at once.",
        none="This service sends no e-mail at this place.",
        now="How it stands",
        to="Messages go to",
        failed="The last message did not arrive. Check the address below; it is tried again with the next notice. Last failure:",
        often="How often?",
        wishes={
            "at-once": "At each use",
            "daily": "Once a day at most",
            "weekly": "Once a week at most",
            "never": "Never",
        },
        helps={
            "at-once": "Within a few minutes; what happens meanwhile comes in one message.",
            "daily": "In the morning, if there was something.",
            "weekly": "On Monday morning, if there was something.",
            "never": "Nothing is sent. The address is kept for later.",
        },
        refused="Count attempts that were refused, too",
        keep="Keep this choice",
        address="Your e-mail address",
        other="Another address",
        address_help="One that you alone read. A code is sent to it.",
        send="Send the code",
        code="The code that came by e-mail",
        code_help="Eight digits, sent to",
        confirm="Confirm the address",
        stop="No more messages",
        stop_help="The address is forgotten here, and a last message tells it so.",
        stop_now="Stop, and forget my address",
        back="Back to my account",
        done={
            "code": "The code is on its way. It takes a few minutes at most.",
            "confirme": "The address is confirmed. Choose how often you wish to hear.",
            "choisi": "Done. It counts from this moment.",
            "fini": "Done. Nothing is sent any more, and the address is forgotten.",
        },
        wrong_code="The code is wrong, or its time is over. Check it, or ask for a new one.",
        wrong_address="This is no address that mail can be sent to.",
        too_many="Too many codes were sent today. Try again tomorrow.",
    ),
    Texts(
        title="Avis par courriel",
        intro="Si vous le souhaitez, un message vous dit que vos données ont été utilisées. Un accès d'urgence vous est dit aussitôt.",
        says="Ce que dit le message",
        knows="Un nombre : « vos données ont été utilisées 3 fois ». Ni nom, ni hôpital, ni maladie, ni lien. Mais qui lit votre courriel, et l'entreprise qui le garde, apprend que vous avez un compte ici et quand les messages arrivent. Une fois par jour ou par semaine en dit moins qu'à chaque usage.",
        none="Ce service n'envoie pas de courriel ici.",
        now="Ce qui vaut aujourd'hui",
        to="Les messages vont à",
        failed="Le dernier message n'est pas arrivé. Vérifiez l'adresse ci-dessous ; elle est essayée de nouveau au prochain avis. Dernier échec :",
        often="À quel rythme ?",
        wishes={
            "at-once": "À chaque usage",
            "daily": "Une fois par jour au plus",
            "weekly": "Une fois par semaine au plus",
            "never": "Jamais",
        },
        helps={
            "at-once": "En quelques minutes ; ce qui se passe entre-temps vient dans un seul message.",
            "daily": "Le matin, s'il y a eu quelque chose.",
            "weekly": "Le lundi matin, s'il y a eu quelque chose.",
            "never": "Rien n'est envoyé. L'adresse est gardée pour plus tard.",
        },
        refused="Compter aussi les essais refusés",
        keep="Garder ce choix",
        address="Votre adresse électronique",
        other="Une autre adresse",
        address_help="Une adresse que vous êtes seul à lire. Un code y est envoyé.",
        send="Envoyer le code",
        code="Le code reçu par courriel",
        code_help="Huit chiffres, envoyés à",
        confirm="Confirmer l'adresse",
        stop="Ne plus recevoir de messages",
        stop_help="L'adresse est oubliée ici, et un dernier message le lui dit.",
        stop_now="Arrêter, et oublier mon adresse",
        back="Revenir à mon compte",
        done={
            "code": "Le code est en route. Il met quelques minutes au plus.",
            "confirme": "L'adresse est confirmée. Choisissez à quel rythme vous voulez être averti.",
            "choisi": "C'est fait. Cela compte dès cet instant.",
            "fini": "C'est fait. Plus rien n'est envoyé, et l'adresse est oubliée.",
        },
        wrong_code="Le code est faux, ou son délai est passé. Vérifiez-le, ou demandez-en un nouveau.",
        wrong_address="On ne peut pas envoyer de courriel à cette adresse.",
        too_many="Trop de codes ont été envoyés aujourd'hui. Réessayez demain.",
    ),
)


async def show(visit: Visit) -> Response:
    """What is chosen, and what can be."""
    chosen = await visit.get(choosing.READ)
    return _page(visit, chosen, said=TEXTS.of(visit.language).done.get(visit.query("fait"), ""))


async def choose(visit: Visit) -> Response:
    """How often."""
    wish, refused = visit.form.text("wish"), visit.form.text("refused") == "yes"
    if wish not in {one.value for one in Wish}:
        raise Invalid("there is no such choice", code="portal.wish")
    await visit.do(choosing.CHOOSE, wish=wish, refused=refused)
    return visit.redirect(f"{PATH}?fait=choisi")


async def address(visit: Visit) -> Response:
    """Where to."""
    texts = TEXTS.of(visit.language)
    try:
        await visit.do(choosing.ADDRESS, mailbox=visit.form.text("mailbox").strip())
    except Refused as refused:
        if not isinstance(refused.error, Invalid | Throttled):
            raise
        full = isinstance(refused.error, Throttled)
        trouble, status = (texts.too_many, 429) if full else (texts.wrong_address, 400)
        return _page(visit, await visit.get(choosing.READ), trouble=trouble, status=status)
    return visit.redirect(f"{PATH}?fait=code")


async def confirm(visit: Visit) -> Response:
    """The code."""
    try:
        await visit.do(choosing.CONFIRM, code=visit.form.text("code"))
    except Refused as refused:
        if not isinstance(refused.error, Invalid):
            raise
        trouble = TEXTS.of(visit.language).wrong_code
        return _page(visit, await visit.get(choosing.READ), trouble=trouble, status=400)
    return visit.redirect(f"{PATH}?fait=confirme")


async def stop(visit: Visit) -> Response:
    """No more, and the address forgotten."""
    await visit.do(choosing.STOP)
    return visit.redirect(f"{PATH}?fait=fini")


def _page(visit: Visit, chosen: Document, *, said: str = "", trouble: str = "", status: int = 200) -> Response:
    return visit.render("notices.html", t=TEXTS, status=status, said=said, chosen=chosen, trouble=trouble)


PAGES: Final = (
    Page(PATH, frozenset({choosing.READ, choosing.CHOOSE}), show, choose),
    Page(ADDRESS, frozenset({choosing.READ, choosing.ADDRESS}), submit=address),
    Page(CODE, frozenset({choosing.READ, choosing.CONFIRM}), submit=confirm),
    Page(STOP, frozenset({choosing.STOP}), submit=stop),
)

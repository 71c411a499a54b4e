"""What stands around every page, and what people read when something was refused. Pages keep their own texts beside them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nexus.portal.wording import spoken
from nexus.web.browser.language import Bilingual


@dataclass(frozen=True, slots=True)
class FrameTexts:
    """Around every page."""

    product: str
    skip: str
    menu: str
    language: str
    """Label of the button that changes to the other language."""
    other: str
    """The other language's tag."""
    sign_out: str
    foot: str
    help: str
    catalogue: str
    beta_of: str


FRAME: Final = spoken(
    FrameTexts(
        product="My health data",
        skip="Skip to the content",
        menu="Pages",
        language="Français",
        other="fr",
        sign_out="Sign out",
        foot="This service shows you who used your health data, and lets you decide.",
        help="A question? Ask the hospital that sent you the letter: its address is on it.",
        catalogue="Which datasets exist: the catalogue",
        beta_of="Nexus",
    ),
    FrameTexts(
        product="Mes données de santé",
        skip="Aller au contenu",
        menu="Pages",
        language="English",
        other="en",
        sign_out="Se déconnecter",
        foot="Ce service vous montre qui a utilisé vos données de santé, et vous laisse décider.",
        help="Une question ? Adressez-vous à l'hôpital qui vous a envoyé le courrier : son adresse y figure.",
        catalogue="Quels jeux de données existent : le catalogue",
        beta_of="Nexus",
    ),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of refusal, said to somebody who is not of the trade."""

    title: str
    advice: str


@dataclass(frozen=True, slots=True)
class TroubleTexts:
    """Around a refusal."""

    number: str
    number_help: str
    home: str
    again: str


TROUBLE_PAGE: Final = spoken(
    TroubleTexts(
        number="Number of this attempt",
        number_help="If you ask for help, give this number: it says nothing of you.",
        home="Go to the first page",
        again="Sign in again",
    ),
    TroubleTexts(
        number="Numéro de cette tentative",
        number_help="Si vous demandez de l'aide, donnez ce numéro : il ne dit rien de vous.",
        home="Aller à la première page",
        again="Se connecter de nouveau",
    ),
)

TROUBLES: Final[Mapping[str, Bilingual[Trouble]]] = {
    "denied": spoken(
        Trouble("You cannot see this", "This page is not yours, or what it showed is no longer there."),
        Trouble("Vous ne pouvez pas voir cette page", "Elle n'est pas à vous, ou ce qu'elle montrait n'existe plus."),
    ),
    "not-found": spoken(
        Trouble("There is no such page", "The address may be mistyped, or the page was moved."),
        Trouble("Cette page n'existe pas", "L'adresse contient peut-être une faute, ou la page a été déplacée."),
    ),
    "invalid": spoken(
        Trouble("We did not understand that", "Go back, look at what you typed, and send it again."),
        Trouble(
            "Nous n'avons pas compris", "Revenez en arrière, relisez ce que vous avez saisi, et envoyez de nouveau."
        ),
    ),
    "conflict": spoken(
        Trouble(
            "Something changed meanwhile",
            "Somebody, perhaps you in another window, changed this before you. Look at it again.",
        ),
        Trouble(
            "Quelque chose a changé entre-temps",
            "Quelqu'un, peut-être vous dans une autre fenêtre, l'a modifié avant vous. Regardez de nouveau.",
        ),
    ),
    "unauthenticated": spoken(
        Trouble("You are no longer signed in", "For your safety, sessions end by themselves. Sign in and do it again."),
        Trouble(
            "Vous n'êtes plus connecté",
            "Pour votre sécurité, les sessions se ferment d'elles-mêmes. Connectez-vous et recommencez.",
        ),
    ),
    "throttled": spoken(
        Trouble("Too many attempts", "For safety, wait a few minutes before you try again."),
        Trouble("Trop de tentatives", "Par sécurité, attendez quelques minutes avant de réessayer."),
    ),
    "unavailable": spoken(
        Trouble("The service is closed for a moment", "Nothing was done. Try again in a few minutes."),
        Trouble("Le service est fermé un instant", "Rien n'a été fait. Réessayez dans quelques minutes."),
    ),
    "internal": spoken(
        Trouble("Something went wrong on our side", "Nothing of yours is lost. Try again in a few minutes."),
        Trouble("Une erreur est survenue de notre côté", "Rien de vous n'est perdu. Réessayez dans quelques minutes."),
    ),
}
SAME: Final[Mapping[str, str]] = {"sealed": "unavailable", "damaged": "internal", "step-up": "unauthenticated"}
"""Kinds of errors that people need not tell apart."""


def trouble_of(kind: str) -> Bilingual[Trouble]:
    """What to say of a kind of error."""
    return TROUBLES.get(SAME.get(kind, kind), TROUBLES["internal"])

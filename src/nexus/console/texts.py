"""What people read on every page, and what they read when something was refused. Pages keep their own texts beside them."""

from dataclasses import dataclass
from typing import Final

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
    signed_in_as: str
    sign_out: str
    sign_in: str
    foot: str
    nothing: str
    yes: str
    no: str
    table: str
    four_eyes: str
    done: str
    next_page: str
    no_right: str


FRAME: Final = Bilingual(
    FrameTexts(
        product="Nexus console",
        skip="Skip to the content",
        menu="Menu",
        language="Français",
        other="fr",
        signed_in_as="Signed in as",
        sign_out="Sign out",
        sign_in="Sign in",
        foot="Everything that is done here is recorded in the audit log.",
        nothing="Nothing to show.",
        yes="yes",
        no="no",
        table="Table; scroll to see all of it",
        four_eyes="four eyes",
        done="Done: {title}.",
        next_page="Next page",
        no_right="You have no right to see this part.",
    ),
    FrameTexts(
        product="Console Nexus",
        skip="Aller au contenu",
        menu="Menu",
        language="English",
        other="en",
        signed_in_as="Connecté :",
        sign_out="Se déconnecter",
        sign_in="Se connecter",
        foot="Tout ce qui est fait ici est inscrit dans le journal de traçabilité.",
        nothing="Rien à afficher.",
        yes="oui",
        no="non",
        table="Tableau ; à faire défiler pour tout voir",
        four_eyes="double validation",
        done="C'est fait : {title}.",
        next_page="Page suivante",
        no_right="Vous n'avez pas le droit de voir cette partie.",
    ),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A kind of error: what it is, and what to do about it."""

    title: str
    advice: str


TROUBLES: Final[dict[str, Bilingual[Trouble]]] = {
    "invalid": Bilingual(
        Trouble("That cannot be read", "Go back, correct the form and send it again."),
        Trouble("Cette saisie n'est pas valable", "Revenez en arrière, corrigez le formulaire et renvoyez-le."),
    ),
    "unauthenticated": Bilingual(
        Trouble("You are not signed in", "Sign in again; sessions end after half an hour without use."),
        Trouble(
            "Vous n'êtes pas connecté", "Reconnectez-vous ; une session se ferme après une demi-heure d'inactivité."
        ),
    ),
    "step-up-needed": Bilingual(
        Trouble("This needs a fresh factor", "Prove one for exactly this; nothing has happened yet."),
        Trouble(
            "Un facteur doit être prouvé de nouveau", "Prouvez-en un pour exactement ceci ; rien n'a encore eu lieu."
        ),
    ),
    "denied": Bilingual(
        Trouble("You may not do this", "If your work needs it, ask a security officer for the right."),
        Trouble(
            "Vous n'en avez pas le droit",
            "Si votre travail l'exige, demandez ce droit à un responsable de la sécurité.",
        ),
    ),
    "not-found": Bilingual(
        Trouble("There is nothing here", "Check the address, or start from the home page."),
        Trouble("Il n'y a rien ici", "Vérifiez l'adresse, ou repartez de la page d'accueil."),
    ),
    "conflict": Bilingual(
        Trouble("The state does not allow it", "Look at the present state first: somebody may have changed it."),
        Trouble("L'état ne le permet pas", "Regardez d'abord l'état actuel : quelqu'un l'a peut-être modifié."),
    ),
    "throttled": Bilingual(
        Trouble("Too many attempts", "Wait a while before you try again."),
        Trouble("Trop de tentatives", "Attendez un moment avant de réessayer."),
    ),
    "sealed": Bilingual(
        Trouble(
            "The platform is sealed", "Its custodians unseal it on the machine with `nexus unseal`. Then try again."
        ),
        Trouble(
            "La plateforme est scellée",
            "Ses gardiens la descellent sur la machine avec `nexus unseal`. Réessayez ensuite.",
        ),
    ),
    "unavailable": Bilingual(
        Trouble("A part of the platform does not answer", "Nothing was lost. Try again in a moment."),
        Trouble("Une partie de la plateforme ne répond pas", "Rien n'est perdu. Réessayez dans un instant."),
    ),
    "damaged": Bilingual(
        Trouble("Stored data do not verify", "Do not go on. Tell whoever runs this platform at once."),
        Trouble("Des données stockées ne se vérifient pas", "N'allez pas plus loin. Prévenez aussitôt l'exploitant."),
    ),
    "internal": Bilingual(
        Trouble("The operation failed", "Give the number of the operation to whoever runs this platform."),
        Trouble("L'opération a échoué", "Communiquez le numéro de l'opération à l'exploitant de la plateforme."),
    ),
}
"""By the kind of the error; the message itself says which thing and comes from the service."""


@dataclass(frozen=True, slots=True)
class TroubleTexts:
    """The page of an error."""

    operation: str
    home: str
    said: str
    """Label before the service's own message."""


TROUBLE_PAGE: Final = Bilingual(
    TroubleTexts(operation="Operation", home="Home page", said="What the platform said"),
    TroubleTexts(operation="Opération", home="Page d'accueil", said="Réponse de la plateforme"),
)

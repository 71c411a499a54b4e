"""What patients are written. No name, no hospital, no project, no purpose, no hour, and no link: whoever reads it over a
shoulder learns that somebody's data were used, and nobody learns to click on a link in a message."""

from typing import Final

from nexus.mail.model import Message, Text

CODE: Final = "patient-code"
NOTICE: Final = "patient-notice"
PARTING: Final = "patient-parting"
"""Kinds of message, as the log shows them."""
KINDS: Final = frozenset({CODE, NOTICE, PARTING})

_STOP_FR: Final = (
    "Pour ne plus recevoir ces messages : connectez-vous, ouvrez la page « Compte », puis « Avis par courriel »."
)
_STOP_EN: Final = "To receive these messages no more: sign in, open the page “Account”, then “Notices by e-mail”."
_TYPE_FR: Final = (
    "Tapez vous-même l'adresse du service : elle figure sur votre courrier. Nos messages ne contiennent jamais de lien"
    " et ne demandent jamais de mot de passe."
)
_TYPE_EN: Final = (
    "Type the address of the service yourself: it is on your letter. Our messages never hold a link and never ask for a"
    " password."
)


def notice(to: str, uses: int, *, refused: bool) -> Message:
    """So many uses since the last message. `refused`: attempts are among them."""
    fois, times = ("une fois", "once") if uses == 1 else (f"{uses} fois", f"{uses} times")
    if refused:
        fois, times = f"{fois}, essais refusés compris", f"{times}, refused attempts included"
    return Message.bilingual(
        to,
        Text(
            "Vos données ont été utilisées",
            f"Les données que vous suivez ont été utilisées {fois}.\n\n"
            f"Connectez-vous pour voir par qui et pour quoi. {_TYPE_FR}\n\n{_STOP_FR}",
        ),
        Text(
            "your data were used",
            f"The data that you follow were used {times}.\n\n"
            f"Sign in to see by whom and for what. {_TYPE_EN}\n\n{_STOP_EN}",
        ),
        kind=NOTICE,
    )


def code(to: str, digits: str, minutes: int) -> Message:
    """The code that confirms an address."""
    return Message.bilingual(
        to,
        Text(
            "Votre code de confirmation",
            f"Votre code : {digits}\n\nSaisissez-le dans les {minutes} minutes, là où vous l'avez demandé, et nulle part ailleurs."
            " Si vous n'avez rien demandé, ne faites rien : sans ce code, cette adresse ne recevra plus rien.",
        ),
        Text(
            "your confirmation code",
            f"Your code: {digits}\n\nType it within {minutes} minutes where you asked for it, and nowhere else."
            " If you asked for nothing, do nothing: without this code, this address will receive nothing more.",
        ),
        kind=CODE,
    )


def parting(to: str) -> Message:
    """The last message to an address."""
    return Message.bilingual(
        to,
        Text(
            "Fin des avis",
            "Cette adresse ne recevra plus d'avis : c'était votre choix, ou celui de qui ouvre votre compte.\n\n"
            f"Si ce n'était pas vous, connectez-vous et regardez la page « Compte ». {_TYPE_FR}",
        ),
        Text(
            "end of notices",
            "This address will receive no more notices: it was your choice, or that of whoever opens your account.\n\n"
            f"If it was not you, sign in and look at the page “Account”. {_TYPE_EN}",
        ),
        kind=PARTING,
    )

"""The letter that a patient receives: one page in French, with the code, where to type it, and by when.

It names nobody: the hospital puts it into an envelope, or its own heading on it. It shows the fingerprint of the key that
signs the log, so that what the portal shows can be compared with something on paper.
"""

from dataclasses import dataclass
from typing import Any, Final

import segno

from nexus.kernel.clock import Instant, rfc3339
from nexus.kernel.secret import Secret
from nexus.portal.dates import Dates
from nexus.web.browser.language import Language

MARGIN_MM: Final = 25
PICTURE_MM: Final = 34
TITLE: Final = "Voyez qui utilise vos données de santé, et décidez"
GREETING: Final = "Madame, Monsieur,"
PARTS: Final = (
    "Votre hôpital vous ouvre un accès à un service qui vous montre qui a consulté ou utilisé vos données de santé, quand "
    "et pourquoi. Vous pouvez y autoriser ou refuser que ces données servent à autre chose que vos soins, par exemple à la "
    "recherche. Vous n'avez pas à dire pourquoi, et vous pouvez changer d'avis à tout moment.",
    "Pour ouvrir votre compte, il vous faut deux minutes, votre téléphone ou un ordinateur, et le code ci-dessous.",
)
STEPS: Final = (
    "1. Ouvrez l'adresse {address} (ou scannez l'image).",
    "2. Saisissez ce code, puis votre date de naissance :",
)
AFTER: Final = (
    "Ce code ne sert qu'une fois, jusqu'au {until}. Ne le donnez à personne : nul à l'hôpital ne vous le demandera, ni par "
    "téléphone, ni par courriel.",
    "Ce courrier ne vous est pas destiné, ou vous n'avez pas de téléphone ni d'ordinateur ? Adressez-vous à l'accueil de "
    "l'hôpital : toutes vos décisions peuvent aussi être prises sur papier.",
)
KEY: Final = "Empreinte de la clé du journal (pour vérifier les preuves) : {fingerprint}"


@dataclass(frozen=True, slots=True)
class Letter:
    """Writes letters. `fingerprint`: of the log's public key, as the portal shows it."""

    dates: Dates
    fingerprint: str

    def pdf(self, code: Secret, until: Instant, address: str) -> bytes:
        """One page, A4."""
        from fpdf import FPDF  # a large library: loaded only where a letter is printed

        page = FPDF(format="A4")
        page.set_margins(MARGIN_MM, MARGIN_MM, MARGIN_MM)
        page.set_title("Accès à mes données de santé")
        page.set_lang("fr")
        page.add_page()
        _text(page, TITLE, size=17, bold=True, after=8)
        for part in (GREETING, *PARTS):
            _text(page, part)
        _text(page, STEPS[0].format(address=address))
        _picture(page, address)
        _text(page, STEPS[1])
        page.set_font("courier", "B", 22)
        page.set_fill_color(232, 240, 236)
        page.cell(0, 16, code.reveal().decode(), align="C", fill=True, new_x="LMARGIN", new_y="NEXT")
        page.ln(6)
        day = self.dates.day(rfc3339(until), Language.FRENCH).replace("1ᵉʳ", "1er")
        for part in AFTER:
            _text(page, part.format(until=day))
        _text(page, KEY.format(fingerprint=self.fingerprint), size=8)
        return bytes(page.output())


def _text(page: Any, text: str, *, size: int = 11, bold: bool = False, after: int = 4) -> None:
    page.set_font("helvetica", "B" if bold else "", size)
    page.multi_cell(0, size * 0.5, text, new_x="LMARGIN", new_y="NEXT")
    page.ln(after)


def _picture(page: Any, address: str) -> None:
    """The address as a QR code, drawn as squares."""
    matrix = segno.make(address, error="m").matrix
    side = PICTURE_MM / len(matrix)
    left, top = page.l_margin, page.get_y()
    page.set_fill_color(0, 0, 0)
    for down, row in enumerate(matrix):
        for across, dark in enumerate(row):
            if dark:
                page.rect(left + across * side, top + down * side, side, side, style="F")
    page.set_y(top + PICTURE_MM + 6)

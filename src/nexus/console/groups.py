"""The headings of the menu."""

from typing import Final

from nexus.console.language import Bilingual

MINE: Final = Bilingual("Me", "Moi")
PLATFORM: Final = Bilingual("Platform", "Plateforme")

"""The headings of the menu."""

from typing import Final

from nexus.web.browser.language import Bilingual

MINE: Final = Bilingual("Me", "Moi")
IDENTITIES: Final = Bilingual("Identities", "Identités")
LOG: Final = Bilingual("Audit log", "Journal")
KEYS: Final = Bilingual("Keys", "Clés")
DATA: Final = Bilingual("Data", "Données")
PLATFORM: Final = Bilingual("Platform", "Plateforme")

"""Every page, in the order of the menu. A new subject is a file beside this one and a line here."""

from typing import Final

from nexus.console.page import Page
from nexus.console.pages import health, home, language, sign_in

PAGES: Final[tuple[Page, ...]] = (*home.PAGES, *health.PAGES, *sign_in.PAGES, *language.PAGES)

"""The names of the console's cookies."""

from typing import Final

from nexus.web.browser.cookies import Cookies

COOKIES: Final = Cookies("nexus")

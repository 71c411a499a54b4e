"""The names of the portal's cookies: others than the console's, because browsers do not tell ports of one host apart."""

from typing import Final

from nexus.web.browser.cookies import Cookies

COOKIES: Final = Cookies("nexus-patient")

"""The switch of languages."""

from typing import Final

from starlette.responses import RedirectResponse, Response

from nexus.console.page import Page
from nexus.console.visit import Visit
from nexus.kernel.errors import Invalid
from nexus.web.browser import paths
from nexus.web.browser.language import Language
from nexus.web.browser.visit import SEE_OTHER


async def submit(visit: Visit) -> Response:
    """Remember the language and go back to the page."""
    wanted = visit.form.text("language")
    if wanted not in {language.value for language in Language}:
        raise Invalid("no such language", code="console.language")
    response = RedirectResponse(paths.ours(visit.form.text("next")), SEE_OTHER)
    visit.cookies.remember_language(response, wanted)
    return response


PAGES: Final = (Page("/language", submit=submit, open=True),)

"""The pages of what went wrong: in plain words, with a number by which the hospital's people find it in the log."""

from starlette.responses import RedirectResponse, Response

from nexus.kernel.errors import NexusError, Unauthenticated
from nexus.portal.texts import TROUBLE_PAGE, trouble_of
from nexus.portal.visit import Visit
from nexus.web.browser import paths
from nexus.web.browser.visit import SEE_OTHER
from nexus.web.problem import headers_of, problem_of


def page(visit: Visit, error: NexusError, operation: str = "", *, status: int | None = None) -> Response:
    """The page of an error. What the error says itself is for people of the trade, and stays out."""
    problem = problem_of(error, operation)
    response = visit.render(
        "trouble.html",
        status=status or problem.status,
        t=TROUBLE_PAGE,
        trouble=trouble_of(error.kind),
        problem=problem,
        signed_out=visit.actor is None,
    )
    if retry := headers_of(error).get("Retry-After"):
        response.headers["Retry-After"] = retry
    return response


def stranger(visit: Visit) -> Response:
    """Nobody is signed in: sign in first, then come back. From a mail, the address is asked for once more, with cookies."""
    request = visit.request
    if request.method != "GET":
        return page(visit, Unauthenticated("the session has ended", code="portal.no-session"))
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.headers.get("sec-fetch-site") == "cross-site":
        return visit.render("bounce.html", here=paths.own(here))
    return RedirectResponse(paths.sign_in_for(here), SEE_OTHER)

"""The pages of what went wrong: what it is, what to do, and the number by which auditors find it."""

from starlette.responses import RedirectResponse, Response

from nexus.console.texts import TROUBLE_PAGE, TROUBLES
from nexus.console.visit import Visit
from nexus.kernel.errors import NexusError, Unauthenticated
from nexus.web.browser import paths
from nexus.web.browser.visit import SEE_OTHER
from nexus.web.problem import headers_of, problem_of


def page(visit: Visit, error: NexusError, operation: str = "", *, status: int | None = None) -> Response:
    """The page of an error."""
    problem = problem_of(error, operation)
    response = visit.render(
        "trouble.html",
        status=status or problem.status,
        t=TROUBLE_PAGE,
        trouble=TROUBLES.get(error.kind, TROUBLES["internal"]),
        problem=problem,
    )
    if retry := headers_of(error).get("Retry-After"):
        response.headers["Retry-After"] = retry
    return response


def stranger(visit: Visit) -> Response:
    """Nobody is signed in: sign in first, then come back.

    A link on another site or in a mail arrives without our cookies, because they are `SameSite=Strict`. Such a visit
    gets a page that asks for the same address once more, now from here, with cookies.
    """
    request = visit.request
    if request.method != "GET":
        error = Unauthenticated("your session has ended", code="console.no-session", hint="sign in and send it again")
        return page(visit, error)
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.headers.get("sec-fetch-site") == "cross-site":
        return visit.render("bounce.html", here=paths.own(here))
    return RedirectResponse(paths.sign_in_for(here), SEE_OTHER)

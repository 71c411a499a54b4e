"""The cookies of the console, and who they say is signed in.

`__Host-` binds them to exactly this host over TLS; no script reads them, and no request that another site caused carries
them. The session cookie holds the session token itself, the device cookie what makes a browser a known one.
"""

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from nexus.kernel.clock import DAY, SECOND
from nexus.kernel.errors import Unauthenticated
from nexus.kernel.operation import Actor
from nexus.web.ports import Authenticator

SESSION: Final = "__Host-nexus-session"
DEVICE: Final = "__Host-nexus-device"
MAX_TOKEN_LENGTH: Final = 512
DEVICE_VALID_S: Final = 90 * DAY // SECOND
LANGUAGE_VALID_S: Final = 365 * DAY // SECOND
MAX_CLIENT_LENGTH: Final = 256
"""Characters of the User-Agent that count, as at the REST door."""


class CookieSession:
    """The port `BrowserSession`, kept by the session cookie."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    async def signed_in(self, request: HTTPConnection) -> Actor | None:
        """The person behind the cookie. A service token in its place is nobody: it was never a sign-in."""
        token = session_token(request)
        if token is None:
            return None
        try:
            actor = await self._authenticator.session(token, origin(request), client(request))
        except Unauthenticated:
            return None
        return actor if actor.session else None


def session_token(request: HTTPConnection) -> str | None:
    """The session token that the browser holds, if any."""
    return _token(request, SESSION)


def device_token(request: HTTPConnection) -> str | None:
    """What an earlier sign-in left in this browser."""
    return _token(request, DEVICE)


def origin(request: HTTPConnection) -> str:
    """Network address of the browser."""
    return request.client.host if request.client else "unknown"


def client(request: HTTPConnection) -> str:
    """What the browser calls itself."""
    return request.headers.get("user-agent", "")[:MAX_CLIENT_LENGTH]


def sign_in(response: Response, token: str, device: str) -> None:
    """Let the browser keep a session until it is closed, and remember the browser itself for longer."""
    _keep(response, SESSION, token)
    _keep(response, DEVICE, device, DEVICE_VALID_S)


def sign_out(response: Response) -> None:
    """Take the session from the browser; it stays a known one."""
    response.delete_cookie(SESSION, path="/", secure=True, httponly=True, samesite="strict")


def remember_language(response: Response, cookie: str, language: str) -> None:
    """Keep the reader's language."""
    _keep(response, cookie, language, LANGUAGE_VALID_S)


def _keep(response: Response, name: str, value: str, max_age_s: int | None = None) -> None:
    response.set_cookie(name, value, max_age_s, path="/", secure=True, httponly=True, samesite="strict")


def _token(request: HTTPConnection, name: str) -> str | None:
    value = request.cookies.get(name, "")
    return value if 0 < len(value) <= MAX_TOKEN_LENGTH and value.isascii() else None

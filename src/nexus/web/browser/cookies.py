"""The cookies of a door for browsers, and who they say is signed in.

`__Host-` binds them to exactly this host over TLS; no script reads them, and no request that another site caused carries
them. The session cookie holds the session token itself, the device cookie what makes a browser a known one. Each door has
names of its own: browsers do not tell the ports of one host apart.
"""

from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from nexus.kernel.clock import DAY, SECOND
from nexus.kernel.errors import Unauthenticated
from nexus.kernel.operation import Actor
from nexus.web.ports import Authenticator

MAX_TOKEN_LENGTH: Final = 512
DEVICE_VALID_S: Final = 90 * DAY // SECOND
LANGUAGE_VALID_S: Final = 365 * DAY // SECOND
MAX_CLIENT_LENGTH: Final = 256
"""Characters of the User-Agent that count, as at the REST door."""


class Cookies:
    """The cookies of one door."""

    def __init__(self, prefix: str) -> None:
        self.session: Final = f"__Host-{prefix}-session"
        self.device: Final = f"__Host-{prefix}-device"
        self.language: Final = f"__Host-{prefix}-language"

    def session_token(self, request: HTTPConnection) -> str | None:
        """The session token that the browser holds, if any."""
        return _token(request, self.session)

    def device_token(self, request: HTTPConnection) -> str | None:
        """What an earlier sign-in left in this browser."""
        return _token(request, self.device)

    def sign_in(self, response: Response, token: str, device: str) -> None:
        """Let the browser keep a session until it is closed, and remember the browser itself for longer."""
        _keep(response, self.session, token)
        _keep(response, self.device, device, DEVICE_VALID_S)

    def sign_out(self, response: Response) -> None:
        """Take the session from the browser; it stays a known one."""
        response.delete_cookie(self.session, path="/", secure=True, httponly=True, samesite="strict")

    def remember_language(self, response: Response, language: str) -> None:
        """Keep the reader's language."""
        _keep(response, self.language, language, LANGUAGE_VALID_S)


class CookieSession:
    """The port `BrowserSession`, kept by the session cookie."""

    def __init__(self, authenticator: Authenticator, cookies: Cookies) -> None:
        self._authenticator = authenticator
        self._cookies = cookies

    async def signed_in(self, request: HTTPConnection) -> Actor | None:
        """The person behind the cookie. A service token in its place is nobody: it was never a sign-in."""
        token = self._cookies.session_token(request)
        if token is None:
            return None
        try:
            actor = await self._authenticator.session(token, origin(request), client(request))
        except Unauthenticated:
            return None
        return actor if actor.session else None


def origin(request: HTTPConnection) -> str:
    """Network address of the browser."""
    return request.client.host if request.client else "unknown"


def client(request: HTTPConnection) -> str:
    """What the browser calls itself."""
    return request.headers.get("user-agent", "")[:MAX_CLIENT_LENGTH]


def _keep(response: Response, name: str, value: str, max_age_s: int | None = None) -> None:
    response.set_cookie(name, value, max_age_s, path="/", secure=True, httponly=True, samesite="strict")


def _token(request: HTTPConnection, name: str) -> str | None:
    value = request.cookies.get(name, "")
    return value if 0 < len(value) <= MAX_TOKEN_LENGTH and value.isascii() else None

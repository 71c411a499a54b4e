"""How the platform reaches tools that want to hear of the end of a session."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

TIMEOUT_S: Final = 5.0


class HttpsMessenger:
    """The port `Messenger`. What a tool answers besides its status is not read."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def post(self, uri: str, logout_token: str) -> bool:
        """Whether the tool confirmed."""
        try:
            async with self._http.stream("POST", uri, data={"logout_token": logout_token}) as answer:
                return answer.is_success
        except (httpx.HTTPError, httpx.InvalidURL, OSError):
            return False


@asynccontextmanager
async def messenger(authority: Path) -> AsyncIterator[HttpsMessenger]:
    """A messenger that trusts what this machine trusts, and the platform's own authority; it follows no redirection."""
    trusted = ssl.create_default_context()
    trusted.load_verify_locations(authority)
    async with httpx.AsyncClient(verify=trusted, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as http:
        yield HttpsMessenger(http)

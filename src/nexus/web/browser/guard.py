"""What stands before every page: the address that was asked for, the length of it, and the headers of every answer."""

from collections.abc import Collection
from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from nexus.web.rest import MAX_URL_BYTES

SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(),"
        " publickey-credentials-get=(self), publickey-credentials-create=(self)"
    ),
    "Referrer-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""On every answer that does not set its own. `Referrer-Policy: no-referrer` would take `Origin` from our own forms."""


class Guard:
    """Refuses a host that is not ours (a name that somebody else points here) and URLs beyond all need."""

    def __init__(self, app: Starlette, origins: Collection[str]) -> None:
        self._app = app
        self.routes = app.routes
        self._hosts = frozenset(origin.removeprefix("https://") for origin in origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        hosts = [host.lower() for host in Headers(scope=scope).getlist("host")]
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            wrong = PlainTextResponse("This door has another address; `nexus status` shows it.\n", 421)
            await wrong(scope, receive, send_with_headers)
        elif len(scope.get("raw_path") or b"") + len(scope.get("query_string", b"")) > MAX_URL_BYTES:
            await PlainTextResponse("The URL is too long.\n", 414)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

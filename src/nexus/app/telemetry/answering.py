"""Small answers to whoever asks how a door or the platform is: the two paths, and how they are answered."""

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import msgspec

from nexus.app.telemetry.health import Component

PREFIX: Final = "/-/"
LIVE: Final = "/-/live"
READY: Final = "/-/ready"
_JSON: Final = b"application/json"
_HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]


def readiness(missing: Sequence[Component]) -> tuple[int, dict[str, Any]]:
    """Status and document of a door's readiness."""
    if not missing:
        return 200, {"status": "ready"}
    return 503, {"status": "not ready", "missing": [component.value for component in missing]}


async def say(send: Send, scope: Scope, status: int, document: Any) -> None:
    """Answer with a small JSON document."""
    await send_bytes(send, scope, status, msgspec.json.encode(document) + b"\n", _JSON)


async def send_bytes(send: Send, scope: Scope, status: int, content: bytes, media_type: bytes) -> None:
    """Answer with `content`; a HEAD gets its headers only."""
    headers = [(b"content-type", media_type), *_HEADERS, (b"content-length", str(len(content)).encode())]
    if status == 405:
        headers.append((b"allow", b"GET, HEAD"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

"""A request at an ASGI application, without a socket."""

from dataclasses import dataclass
from typing import Any


@dataclass
class Answered:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask(
    app: Any, method: str, path: str, headers: list[tuple[bytes, bytes]] | None = None, body: bytes = b""
) -> Answered:
    """Send one request; headers are as they stand on the wire. What the application raises is raised."""
    parts: list[Any] = []
    raw, _, query = path.encode().partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "https",
        "method": method,
        "path": raw.decode(),
        "raw_path": raw,
        "query_string": query,
        "headers": headers if headers is not None else [(b"host", b"nexus.test")],
        "client": ("192.0.2.7", 4711),
        "server": ("nexus.test", 443),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        parts.append(message)

    await app(scope, receive, send)
    start = parts[0]
    given = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Answered(start["status"], given, b"".join(part.get("body", b"") for part in parts[1:]))

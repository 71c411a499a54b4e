"""A tool that is told of events: it verifies signatures with the secret that it knows, and takes what the test lets it take."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

import httpx


@dataclass
class Webhook(httpx.AsyncBaseTransport):
    """`taken` are the events that were accepted, `asked` the addresses that were called, `status` what it answers next."""

    secret: bytes
    taken: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    status: int = 200
    away: bool = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if self.away:
            raise httpx.ConnectError("nobody is there", request=request)
        if self.status >= 300:
            return httpx.Response(self.status, headers={"location": "https://inside.test/"})
        body = await request.aread()
        moment, given = (part.partition("=")[2] for part in request.headers["nexus-signature"].split(","))
        made = hmac.new(self.secret, f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(made, given), "the signature is not that of the secret"
        (record,) = json.loads(body)["Records"]
        self.taken.append((request.headers["nexus-event-id"], record))
        return httpx.Response(self.status)

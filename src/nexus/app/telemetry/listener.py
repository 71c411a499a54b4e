"""The operations listener: health of the whole platform, and metrics. Part of the supervisor, so that it answers while the
platform is sealed, and never on a port that patients or researchers reach.

Whoever reaches it learns which processes lack what, and numbers; nothing there is about a person. Metrics may ask for a token.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from nexus.app.pki import Leaf
from nexus.app.telemetry.answering import LIVE, READY, Receive, Scope, Send, say, send_bytes
from nexus.app.telemetry.exposition import CONTENT_TYPE, exposition
from nexus.app.telemetry.report import Report
from nexus.app.watch_settings import WatchSettings
from nexus.kernel.clock import HOUR, Instant
from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret

METRICS: Final = "/metrics"
MIN_TOKEN_CHARS: Final = 32
BEARER: Final = b"bearer "
NEVER: Final = Instant(2**62)
"""The certificate is the installation's: it renews it, and starts Nexus again."""

Missing = Mapping[str, Sequence[str]]
"""Process -> what it lacks; processes that lack nothing are left out."""


class OperationsApp:
    """The ASGI application."""

    def __init__(
        self, missing: Callable[[], Missing], reports: Callable[[], Mapping[str, Report]], token: Secret | None
    ) -> None:
        self._missing = missing
        self._reports = reports
        self._digest = hashlib.sha256(token.reveal()).digest() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise NotImplementedError("this listener speaks HTTP only")
        if scope["method"] not in ("GET", "HEAD"):
            await say(send, scope, 405, {"status": "method"})
        elif scope["path"] == LIVE:
            await say(send, scope, 200, {"status": "alive"})
        elif scope["path"] == READY:
            missing = self._missing()
            document = {"status": "not ready", "missing": missing} if missing else {"status": "ready"}
            await say(send, scope, 503 if missing else 200, document)
        elif scope["path"] != METRICS:
            await say(send, scope, 404, {"status": "nothing here"})
        elif not self._may_read(scope):
            await say(send, scope, 401, {"status": "token"})
        else:
            await send_bytes(send, scope, 200, exposition(self._reports()), CONTENT_TYPE)

    def _may_read(self, scope: Scope) -> bool:
        if self._digest is None:
            return True
        given = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        if len(given) != 1 or not given[0].lower().startswith(BEARER):
            return False
        return hmac.compare_digest(hashlib.sha256(given[0][len(BEARER) :].strip()).digest(), self._digest)


def token(settings: WatchSettings) -> Secret | None:
    """The token that metrics ask for. Raises Invalid."""
    if not settings.watch_token_file:
        return None
    found = _read(settings.watch_token_file).strip()
    if len(found) < MIN_TOKEN_CHARS:
        raise Invalid(
            f"the token of the operations listener has fewer than {MIN_TOKEN_CHARS} characters",
            code="settings.watch",
            hint="`openssl rand -hex 32` makes one",
        )
    return Secret(found)


def certificate(settings: WatchSettings) -> Leaf | None:
    """The listener's certificate, or None for plain HTTP on this machine. Raises Invalid."""
    if not settings.watch_certificate_file:
        return None
    return Leaf(
        _read(settings.watch_certificate_file), Secret(_read(settings.watch_key_file)), NEVER, Instant(NEVER + HOUR)
    )


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Invalid(f"{name} cannot be read: {error.strerror}", code="settings.watch") from error

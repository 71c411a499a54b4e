"""The one way out for traces: the supervisor sends what processes have told, as OTLP over HTTP, to the collector that the
settings name. A collector that is away disturbs nobody: what it does not take in time is dropped, and counted.
"""

import asyncio
import logging
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import httpx

from nexus.app.telemetry import catalogue
from nexus.app.telemetry.report import Batch
from nexus.app.telemetry.tally import Tallies
from nexus.app.watch_settings import WatchSettings
from nexus.kernel.errors import Invalid

EVERY_S: Final = 1.0
MAX_BATCHES: Final = 256
"""Batches that wait for the collector; the oldest give way."""
TIMEOUT_S: Final = 10.0
FIRST_PAUSE_S: Final = 1.0
LAST_PAUSE_S: Final = 60.0
AGAIN: Final = frozenset({429, 502, 503, 504})
"""Statuses after which OTLP asks for another attempt."""
PROTOBUF: Final = {"content-type": "application/x-protobuf"}

_log = logging.getLogger("nexus.supervisor")


class Exporter:
    """Sends batches in order, one at a time."""

    def __init__(
        self, client: httpx.AsyncClient, address: str, take: Callable[[], Sequence[Batch]], tallies: Tallies
    ) -> None:
        """`take` gives what processes have told since the last time."""
        self._client = client
        self._address = address
        self._take = take
        self._waiting: deque[Batch] = deque()
        self._count = tallies.number(catalogue.SPANS)
        self._pause_s = 0.0
        self._told = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._gather()
            if self._pause_s <= 0:
                await self._send_all()
            self._pause_s -= EVERY_S
            await asyncio.sleep(EVERY_S)

    def _gather(self) -> None:
        self._waiting.extend(self._take())
        while len(self._waiting) > MAX_BATCHES:
            self._count.add("dropped", by=self._waiting.popleft().spans)

    async def _send_all(self) -> None:
        while self._waiting:
            batch = self._waiting[0]
            if (taken := await self._post(batch)) is None:
                self._pause_s = min(max(2 * abs(self._pause_s), FIRST_PAUSE_S), LAST_PAUSE_S)
                return
            self._waiting.popleft()
            self._count.add("sent" if taken else "failed", by=batch.spans)
            self._pause_s = 0.0

    async def _post(self, batch: Batch) -> bool | None:
        """Whether the collector took it; None: it may later."""
        try:
            answer = await self._client.post(self._address, content=batch.body, headers=PROTOBUF)
        except httpx.HTTPError as error:
            self._tell(type(error).__name__)
            return None
        if answer.status_code in AGAIN:
            self._tell(f"status {answer.status_code}")
            return None
        if answer.is_success:
            self._told = False
        else:
            self._tell(f"status {answer.status_code}")
        return answer.is_success

    def _tell(self, why: str) -> None:
        """Once, until it works again."""
        if not self._told:
            _log.warning("the collector of traces takes nothing (%s)", why)
        self._told = True


def collector(settings: WatchSettings) -> httpx.AsyncClient:
    """A client for the collector that the settings name. Raises Invalid on a file that cannot be read.

    Redirections are not followed and no proxy of the environment is asked: an address is what the operator wrote.
    """
    try:
        trusted = ssl.create_default_context(cafile=settings.trace_authority or None)
        token = Path(settings.trace_token_file).read_text().strip() if settings.trace_token_file else ""
    except (OSError, ssl.SSLError) as error:
        raise Invalid("a file of the collector of traces cannot be read", code="settings.trace") from error
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(
        verify=trusted, timeout=TIMEOUT_S, trust_env=False, follow_redirects=False, headers=headers
    )

"""Tells events of buckets to their destinations: each at least once, signed, oldest first, none in another one's way.

A destination that does not take an event is left alone for a while that doubles, an hour at most; after a week an event is given up.
Redirections are not followed: an address is what the operator wrote.
"""

import hmac
import logging
import ssl
from collections.abc import Mapping
from typing import Final

import httpx

from nexus.app.destinations import Destination
from nexus.kernel.clock import DAY, HOUR, SECOND, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.secret import Secret
from nexus.objects.store import events
from nexus.objects.store.events import Waiting

BATCH: Final = 100
LONGEST_WAIT: Final = HOUR
GIVEN_UP_AFTER: Final = 7 * DAY
TIMEOUT_S: Final = 10.0
SIGNATURE: Final = "nexus-signature"
EVENT_ID: Final = "nexus-event-id"

_log = logging.getLogger("nexus.worker")


class Notifying:
    """There must be one for each platform: the worker."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        known: Mapping[str, Destination],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport`: how addresses are reached, where not by TLS over the network."""
        self._database = database
        self._clock = clock
        self._known = known
        self._secrets: dict[str, Secret] = {name: one.secret() for name, one in known.items()}
        self._transport = transport

    async def notify(self) -> bool:
        """Tell what is due; returns whether there may be more."""
        with self._database.read() as tx:
            due = events.due(tx, self._clock.now(), BATCH)
        silent: set[str] = set()
        for event in due:
            if event.destination not in silent and not await self._tell(event):
                silent.add(event.destination)
        return len(due) == BATCH and not silent

    async def _tell(self, event: Waiting) -> bool:
        """Whether the destination need not be told of this one any more."""
        now, known = self._clock.now(), self._known.get(event.destination)
        if known is None or now >= event.created_at + GIVEN_UP_AFTER:
            reason = "is not configured any more" if known is None else "took nothing for a week"
            _log.error("event %s is given up: the destination %s %s", event.id, event.destination, reason)
        elif not await self._taken(event, known, now):
            later = Instant(now + min(LONGEST_WAIT, SECOND << min(event.attempts, 12)))
            await self._database.bookkeep(
                Bookkeeping.TOLD, lambda tx: events.postpone(tx, event.destination, event.position, later)
            )
            return False
        await self._database.bookkeep(Bookkeeping.TOLD, lambda tx: events.forget(tx, [event.position]))
        return True

    async def _taken(self, event: Waiting, known: Destination, now: Instant) -> bool:
        headers = {
            "content-type": "application/json",
            EVENT_ID: event.id,
            SIGNATURE: signature(self._secrets[known.name], event.body, now),
        }
        try:
            async with self._client(known) as http:
                answer = await http.post(known.url, content=event.body, headers=headers, follow_redirects=False)
        except (httpx.HTTPError, OSError) as error:
            _log.warning("the destination %s does not answer: %s", known.name, type(error).__name__)
            return False
        if not answer.is_success:
            _log.warning("the destination %s answered %d", known.name, answer.status_code)
        return answer.is_success

    def _client(self, known: Destination) -> httpx.AsyncClient:
        if self._transport is not None:
            return httpx.AsyncClient(transport=self._transport, timeout=TIMEOUT_S)
        authorities = ssl.create_default_context(cafile=known.authority or None)
        return httpx.AsyncClient(verify=authorities, timeout=TIMEOUT_S, trust_env=False)


def signature(secret: Secret, body: bytes, now: Instant) -> str:
    """`t=<seconds>,v1=<hex>`: HMAC-SHA256 over the seconds, a full stop and the body."""
    seconds = now // SECOND
    mac = hmac.digest(secret.reveal(), f"{seconds}.".encode() + body, "sha256")
    return f"t={seconds},v1={mac.hex()}"

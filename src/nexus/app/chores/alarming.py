"""Tells alarms: in the journal always, to the webhook and to the mailboxes that the settings name. They hold ids, never names.

An alarm is told at least once: it counts as told when the webhook has taken it, and until then it is tried again.
"""

import logging
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx

from nexus.app.settings import Settings
from nexus.iam.alarms import Alarms
from nexus.iam.letters import about_alarm
from nexus.iam.supervision import Alarm
from nexus.kernel.clock import Instant, rfc3339
from nexus.kernel.database import Transaction
from nexus.kernel.errors import Unavailable
from nexus.mail.outbox import Outbox

_log = logging.getLogger("nexus.alarm")


@asynccontextmanager
async def alarm_client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """How the webhook for alarms is reached."""
    authorities = ssl.create_default_context(cafile=settings.alarm_authority or None)
    async with httpx.AsyncClient(verify=authorities) as http:
        yield http


class Watch:
    """The mailboxes of those who are on duty: each alarm is posted to them in the commit that marks it as told."""

    def __init__(self, outbox: Outbox, addresses: Sequence[str], console: str) -> None:
        self._outbox = outbox
        self._addresses = addresses
        self._console = console

    def post(self, tx: Transaction, alarm: Alarm) -> None:
        """Raises Invalid where a setting holds no address, and Throttled when the outbox is full."""
        for address in self._addresses:
            self._outbox.post(tx, about_alarm(address, alarm, self._console), Instant(alarm.at))


class Alarming:
    """Takes alarms from the service that raises them and hands them on, in order."""

    def __init__(self, alarms: Alarms, webhook: str, http: httpx.AsyncClient, watch: Watch | None = None) -> None:
        """`webhook`: https address that takes each alarm as JSON, or empty. `watch`: who is told by mail, or nobody."""
        self._alarms = alarms
        self._webhook = webhook
        self._http = http
        self._watch = watch
        self._in_journal = 0

    async def tell(self) -> bool:
        """Tell what waits. Raises Unavailable if the webhook does not take it."""
        for alarm in self._alarms.untold():
            self._write(alarm)
            if self._webhook:
                await self._post(alarm)
            await self._told(alarm)
        return False

    async def _told(self, alarm: Alarm) -> None:
        watch = self._watch
        if watch is None:
            await self._alarms.told(alarm)
        else:
            await self._alarms.told(alarm, lambda tx: watch.post(tx, alarm))

    def _write(self, alarm: Alarm) -> None:
        if alarm.position > self._in_journal:
            _log.critical("ALARM %s: %s of %s at %s", alarm.kind, alarm.about, alarm.person, rfc3339(alarm.at))
            self._in_journal = alarm.position

    async def _post(self, alarm: Alarm) -> None:
        body = {
            "id": alarm.id,
            "kind": alarm.kind.value,
            "person": alarm.person,
            "about": alarm.about,
            "at": rfc3339(alarm.at),
        }
        try:
            answer = await self._http.post(self._webhook, json=body, follow_redirects=False)
        except httpx.HTTPError as error:
            raise Unavailable("the webhook for alarms does not answer", code="alarm.webhook") from error
        if not answer.is_success:
            raise Unavailable(f"the webhook for alarms answered {answer.status_code}", code="alarm.webhook")

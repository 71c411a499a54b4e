"""Tells alarms: in the journal always, and to the webhook that the settings name. Alarms hold ids, never names.

An alarm is told at least once: it counts as told when the webhook has taken it, and until then it is tried again.
"""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from nexus.app.settings import Settings
from nexus.iam.alarms import Alarms
from nexus.iam.supervision import Alarm
from nexus.kernel.clock import rfc3339
from nexus.kernel.errors import Unavailable

_log = logging.getLogger("nexus.alarm")


@asynccontextmanager
async def alarm_client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """How the webhook for alarms is reached."""
    authorities = ssl.create_default_context(cafile=settings.alarm_authority or None)
    async with httpx.AsyncClient(verify=authorities) as http:
        yield http


class Alarming:
    """Takes alarms from the service that raises them and hands them on, in order."""

    def __init__(self, alarms: Alarms, webhook: str, http: httpx.AsyncClient) -> None:
        """`webhook`: https address that takes each alarm as JSON, or empty."""
        self._alarms = alarms
        self._webhook = webhook
        self._http = http
        self._in_journal = 0

    async def tell(self) -> bool:
        """Tell what waits. Raises Unavailable if the webhook does not take it."""
        for alarm in self._alarms.untold():
            self._write(alarm)
            if self._webhook:
                await self._post(alarm)
            await self._alarms.told(alarm)
        return False

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

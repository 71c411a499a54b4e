"""Leases: every connection holds one, and may cache keys for as long as it keeps hearing from the service.

An announcement is over when each holder has confirmed that it dropped what it concerns, or when the lease of those
that did not has run out by their own clock and their connection is cut. After that no holder can use a stale key.
"""

import asyncio
import logging
from contextlib import suppress
from itertools import count
from typing import Final, Protocol

from nexus.kms.frames import BEAT_S, LEASE_S, Beat, Event, frame
from nexus.kms.model import KeyEvent, KeyEventKind
from nexus.kms.ports import Announced

_log: Final = logging.getLogger("nexus.kms")


class Holder(Protocol):
    """A connection that has been told who its caller is."""

    @property
    def name(self) -> str: ...

    def send(self, framed: bytes) -> None: ...

    def cut(self) -> None: ...


class Leases:
    """An `Announcer` over connections."""

    def __init__(self) -> None:
        self._holders: set[Holder] = set()
        self._awaited: dict[int, dict[Holder, asyncio.Future[bool]]] = {}
        self._numbers = count(1)
        self._unsealed = False

    def add(self, holder: Holder) -> None:
        self._holders.add(holder)

    def remove(self, holder: Holder) -> None:
        """The connection is gone, and with it the lease: a holder drops its keys when it loses the connection."""
        self._holders.discard(holder)
        for waiting in self._awaited.values():
            if (future := waiting.get(holder)) is not None and not future.done():
                future.set_result(False)

    def confirm(self, holder: Holder, number: int) -> None:
        """Confirmations of another's event, or of one long past, mean nothing."""
        waiting = self._awaited.get(number, {}).get(holder)
        if waiting is not None and not waiting.done():
            waiting.set_result(True)

    async def announce(self, event: KeyEvent) -> Announced:
        """Tell every holder; return once none can use a stale key."""
        if event.kind in (KeyEventKind.SEALED, KeyEventKind.UNSEALED):
            self._unsealed = event.kind is KeyEventKind.UNSEALED
        number = next(self._numbers)
        framed = frame(Event(number, event.kind.value, event.key_id))
        loop = asyncio.get_running_loop()
        waiting = {holder: loop.create_future() for holder in self._holders}
        if not waiting:
            return Announced(0, 0)
        self._awaited[number] = waiting
        try:
            for holder in waiting:
                holder.send(framed)
            await asyncio.wait(waiting.values(), timeout=LEASE_S)
        finally:
            del self._awaited[number]
        late = [holder for holder, future in waiting.items() if not future.done()]
        for holder in late:
            _log.warning("%s did not confirm in time and was cut off", holder.name)
            holder.cut()
            self.remove(holder)
        confirmed = sum(future.done() and future.result() for future in waiting.values())
        return Announced(confirmed, len(waiting) - confirmed)

    async def beat_forever(self) -> None:
        """Renew every lease, until cancelled."""
        while True:
            await asyncio.sleep(BEAT_S)
            self.beat()

    def beat(self) -> None:
        framed = frame(Beat(self._unsealed))
        for holder in list(self._holders):
            with suppress(OSError):
                holder.send(framed)

"""The raw body of a request: bytes as the network brings them, within a time that slow clients cannot stretch."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import closing
from typing import Any

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.http import Receive
from nexus.objects.s3.patience import Patience

IDLE_TIMEOUT_S = 30.0
"""Longest silence of a client in the middle of a body."""
MIN_RATE = 8 * 1024
"""Bytes a second that a client must reach on average, once IDLE_TIMEOUT_S has passed."""
MAX_DRAINED = 1024 * 1024
"""Bytes of a refused body that are read and thrown away, so that the client gets to read the answer."""
DRAIN_TIMEOUT_S = 2.0
MAX_DRAINED_OF_ADMITTED = 16 * 1024 * 1024
"""The same for a client that was admitted, and whose body failed while it was read (the disk is full, keys are gone):
most clients read an answer only once they have sent all. Holds the parts that they make of large files (5 to 15 MiB)."""
DRAIN_ADMITTED_TIMEOUT_S = 10.0


class BodyStream:
    """Reads a body once. `ended` tells whether its end was seen: only then may the connection serve another request."""

    def __init__(self, receive: Receive, *, idle_s: float = IDLE_TIMEOUT_S, min_rate: int = MIN_RATE) -> None:
        self.ended = False
        self._started = False
        self._receive = receive
        self._idle_s = idle_s
        self._min_rate = min_rate

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body, in pieces. Raises Refusal: RequestTimeout for a slow client, IncompleteBody for a vanished one."""
        clock = asyncio.get_running_loop().time
        started = clock()
        received = 0
        self._started = True
        with closing(Patience()) as client:
            while not self.ended:
                # A byte now and then keeps no connection: the deadline moves with what has come, not with the clock.
                deadline = started + self._idle_s + received / self._min_rate
                message = await self._next(client, min(self._idle_s, deadline - clock()))
                chunk: bytes = message.get("body", b"")
                received += len(chunk)
                self.ended = not message.get("more_body", False)
                if chunk:
                    yield chunk

    async def finish(self, *, polite: bool) -> bool:
        """Throw away the rest of a body; False if the connection must end instead.

        `polite` is false for a client that still waits for leave to send: to read would be to give it.
        """
        if self.ended or not (polite or self._started):
            return self.ended
        drained, most, seconds = 0, MAX_DRAINED, DRAIN_TIMEOUT_S
        if self._started:
            most, seconds = MAX_DRAINED_OF_ADMITTED, DRAIN_ADMITTED_TIMEOUT_S
        try:
            async with asyncio.timeout(seconds):
                async for chunk in self.chunks():
                    drained += len(chunk)
                    if drained > most:
                        return False
        except (TimeoutError, Refusal):
            return False
        return True

    async def _next(self, client: Patience, timeout_s: float) -> MutableMapping[str, Any]:
        try:
            message = await client.wait(self._receive(), timeout_s)
        except TimeoutError as error:
            raise Refusal(errors.REQUEST_TIMEOUT) from error
        if message["type"] != "http.request":
            raise Refusal(errors.INCOMPLETE_BODY, "the client went away before the end of its body")
        return message

"""One file on its way into the store: block by block in order, durable at its close, nothing before."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from nexus.kernel.errors import Conflict, Invalid
from nexus.warehouse.sftp.model import MAX_FILE_BYTES, WAITING_BLOCKS

Put = Callable[[AsyncIterator[bytes]], Awaitable[None]]


class Upload:
    """Begins to be stored at once."""

    def __init__(self, put: Put) -> None:
        self.size = 0
        self._blocks: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_BLOCKS)
        self._storing = asyncio.ensure_future(put(self._body()))

    async def write(self, offset: int, data: bytes) -> None:
        """The next block. Raises Conflict on any other one, and what the store raises."""
        if offset != self.size:
            raise Conflict(
                "a file is sent from its beginning to its end, in order",
                code="sftp.order",
                hint="what was sent cannot be changed or resumed: send the whole file again",
            )
        if offset + len(data) > MAX_FILE_BYTES:
            raise Invalid("this file is too large", code="sftp.size")
        self.size += len(data)
        if data:
            await self._hand_over(data)

    async def close(self) -> None:
        """The end of the file: durable when it returns. Raises what the store raises."""
        await self._hand_over(None)
        await self._storing

    def abandon(self) -> None:
        """It was not sent to its end: nothing of it stays."""
        self._storing.cancel()

    async def _hand_over(self, block: bytes | None) -> None:
        """Wait until there is room, or until the store has given up."""
        putting = asyncio.ensure_future(self._blocks.put(block))
        await asyncio.wait({putting, self._storing}, return_when=asyncio.FIRST_COMPLETED)
        if self._storing.done():
            putting.cancel()
            with suppress(asyncio.CancelledError):
                await putting
            if not self._storing.cancelled() and self._storing.exception() is not None:
                self._storing.result()
            if block is not None:
                raise Conflict("this file is closed", code="sftp.closed")

    async def _body(self) -> AsyncIterator[bytes]:
        while (block := await self._blocks.get()) is not None:
            yield block

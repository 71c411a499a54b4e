"""Back-channel logout: tools are told when a session ends that somebody signed in from, whatever ended it.

The note commits with the end of the session (a trigger), and stays until the tool has confirmed, or has not answered often
enough. Its tokens are dead meanwhile in any case. Each note's fate is an entry.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, Final

from nexus.iam.oidc.endpoints import Endpoints
from nexus.iam.oidc.ports import Messenger
from nexus.iam.store import clients, goodbyes
from nexus.iam.store.goodbyes import Goodbye
from nexus.kernel.clock import MINUTE, SECOND, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database, Recorded, Transaction
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Operation, Resource

ACTION: Final = "iam.oidc.goodbye"
EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
KIND: Final = "logout+jwt"
TOKEN_VALID: Final = 2 * MINUTE
MAX_ATTEMPTS: Final = 8
FIRST_PAUSE: Final = 5 * SECOND
"""Doubled at each attempt: the last one is a good ten minutes after the first."""
BATCH: Final = 20

Sign = Callable[[dict[str, Any], str], Awaitable[str]]


class Goodbyes:
    """Tells tools. One process of the platform does it."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        endpoints: Endpoints,
        *,
        sign: Sign,
        messenger: Messenger,
        operation: Callable[[], Operation],
    ) -> None:
        self._db = db
        self._clock = clock
        self._endpoints = endpoints
        self._sign = sign
        self._messenger = messenger
        self._operation = operation

    async def send_due(self) -> bool:
        """Tell those whose turn it is; returns whether there may be more at once."""
        with self._db.read() as tx:
            waiting = goodbyes.due(tx, self._clock.now(), BATCH)
            known = [(goodbye, clients.find(tx, goodbye.client)) for goodbye in waiting]
        for goodbye, client in known:
            uri = client.registration.backchannel_logout_uri if client else ""
            told = bool(uri) and await self._messenger.post(uri, await self._token(goodbye))
            if told or not uri or goodbye.attempts + 1 >= MAX_ATTEMPTS:
                await self._finish(goodbye, told=told)
            else:
                await self._again(goodbye)
        return len(known) == BATCH

    async def _token(self, goodbye: Goodbye) -> str:
        now = self._clock.now()
        payload = {
            "iss": self._endpoints.issuer,
            "aud": goodbye.client,
            "sub": goodbye.person,
            "sid": goodbye.session,
            "iat": now // SECOND,
            "exp": (now + TOKEN_VALID) // SECOND,
            "jti": new_id("bye"),
            "events": {EVENT: {}},
        }
        return await self._sign(payload, KIND)

    async def _finish(self, goodbye: Goodbye, *, told: bool) -> None:
        op, resource = self._operation(), Resource("Identity", goodbye.person)
        write = op.allowed if told else op.failed
        entry = write(ACTION, resource, client=goodbye.client, session=goodbye.session, attempts=goodbye.attempts + 1)

        def work(tx: Transaction) -> Recorded[None]:
            goodbyes.done(tx, goodbye.id)
            return Recorded(None, replace(entry, subject=goodbye.person))

        await self._db.write(work)

    async def _again(self, goodbye: Goodbye) -> None:
        next_at = Instant(self._clock.now() + FIRST_PAUSE * 2**goodbye.attempts)
        await self._db.bookkeep(Bookkeeping.PROGRESS, lambda tx: goodbyes.postpone(tx, goodbye.id, next_at))

"""A sign-in on its way: what we must remember of it travels in the browser that began it, sealed, and nowhere else.

So strangers who begin sign-ins cost no storage, and an answer counts only in the browser, at the address and under the
session that asked for it (an answer that somebody else obtained is worthless: RFC 9700, section 4.7). It counts once:
its nonce is burnt when it is presented.
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from nexus.iam.sealing import Sealing
from nexus.iam.store import passkeys
from nexus.kernel.clock import MINUTE, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.errors import Damaged, Unauthenticated
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret

TRANSACTION_VALID: Final = 10 * MINUTE
"""Time to sign in at the issuer."""
_WHAT: Final = "federation"
_RANDOM_BYTES: Final = 32


class Transaction(Struct, frozen=True, kw_only=True):
    """One sign-in, or one link, on its way. `session` is that of whoever links, empty for a sign-in."""

    issuer: str
    nonce: str
    verifier: str
    session: str
    origin: str
    client: str
    ends_at: int


class Transactions:
    """Makes transactions and takes them back, once each."""

    def __init__(self, db: Database, clock: Clock, sealing: Sealing) -> None:
        self._db = db
        self._clock = clock
        self._sealing = sealing

    def new(self, op: Operation, issuer: str) -> tuple[str, Transaction, Secret]:
        """Its state (which travels in the open), itself, and its sealed form for the browser to keep."""
        state = secrets.token_urlsafe(_RANDOM_BYTES)
        made = Transaction(
            issuer=issuer,
            nonce=secrets.token_urlsafe(_RANDOM_BYTES),
            verifier=secrets.token_urlsafe(_RANDOM_BYTES),
            session=op.actor.session or "",
            origin=op.origin,
            client=op.client,
            ends_at=self._clock.now() + TRANSACTION_VALID,
        )
        sealed = self._sealing.seal(Secret(msgspec.json.encode(made)), _WHAT, state)
        return state, made, Secret(urlsafe_b64encode(sealed))

    async def take(self, op: Operation, kept: Secret, state: str) -> Transaction:
        """The transaction that this browser kept for this state. Raises Unauthenticated, the same for every reason."""
        try:
            opened = self._sealing.open(urlsafe_b64decode(kept.reveal()), _WHAT, state)
            found = msgspec.json.decode(opened.reveal(), type=Transaction)
        except (Damaged, ValueError) as error:
            raise _refused() from error
        mine = (op.actor.session or "", op.origin, op.client)
        if (found.session, found.origin, found.client) != mine or self._clock.now() >= found.ends_at:
            raise _refused()
        nonce, ends_at = sha256(found.nonce.encode()).digest(), Instant(found.ends_at)
        if not await self._db.bookkeep(Bookkeeping.CHALLENGE, lambda tx: passkeys.burn(tx, nonce, ends_at)):
            raise _refused()
        return found


def challenge_of(verifier: str) -> str:
    """The PKCE challenge of a verifier, S256 (RFC 7636)."""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def same(one: str, other: str) -> bool:
    """Whether two texts are equal, in a time that tells nothing."""
    return hmac.compare_digest(one.encode(), other.encode())


def _refused() -> Unauthenticated:
    return Unauthenticated(
        "this answer belongs to no sign-in of this browser",
        code="iam.federation-transaction",
        hint="begin again from the sign-in page; an answer counts once, within ten minutes, where it was asked for",
    )

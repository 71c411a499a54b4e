"""Challenges for passkeys: made without storing anything, good for one ceremony, one client and a few minutes, once.

A challenge is 88 bytes:

    nonce (16) | ends at, microseconds (8) | content = SHA-256 over ceremony, nonce and digest (32) | MAC (32)

The MAC is HMAC-SHA-256, under a key that only the platform holds, over everything before it and over whose challenge it
is: ceremony, network address, client, session. So nobody makes one, moves one to another client, session or ceremony,
or makes one last longer; and asking for many costs the platform no storage. `content` is what a passkey signs in a
step-up: whoever knows the digest can check, without our key, that the signature was for exactly that.

A challenge is burnt when it is presented, whatever comes of it: its nonce is kept until it would have ended anyway.
"""

import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from nexus.iam.store import passkeys
from nexus.kernel.clock import MINUTE, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.operation import Operation
from nexus.kernel.secret import Secret

NONCE_BYTES = 16
TIME_BYTES = 8
HASH_BYTES = 32
CHALLENGE_BYTES = NONCE_BYTES + TIME_BYTES + 2 * HASH_BYTES
CHALLENGE_VALID = 3 * MINUTE
"""Time to find the key, touch it and type its PIN."""
_KEY_LABEL = b"nexus passkey challenges v1"


class Ceremony(StrEnum):
    """What a challenge is for; one of another ceremony is worthless."""

    REGISTER = "register"
    SIGN_IN = "sign-in"
    STEP_UP = "step-up"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What the authenticator signs, and until when."""

    value: bytes
    ends_at: Instant


class Challenges:
    """Makes challenges and takes them back, once each."""

    def __init__(self, db: Database, clock: Clock, sealing_key: Secret) -> None:
        """`sealing_key`: 32 bytes; the key of the MACs is derived from it."""
        self._db = db
        self._clock = clock
        self._key = HKDF(SHA256(), HASH_BYTES, salt=None, info=_KEY_LABEL).derive(sealing_key.reveal())

    def new(self, op: Operation, ceremony: Ceremony, digest: str = "") -> Challenge:
        """A challenge for the client of this operation. `digest`: the content that it is for, in a step-up."""
        ends_at = Instant(self._clock.now() + CHALLENGE_VALID)
        nonce = secrets.token_bytes(NONCE_BYTES)
        head = nonce + ends_at.to_bytes(TIME_BYTES, "big") + content_of(ceremony, nonce, digest)
        return Challenge(head + self._mac(head, op, ceremony), ends_at)

    async def take(self, op: Operation, ceremony: Ceremony, challenge: bytes, digest: str = "") -> bool:
        """Burn a challenge that was presented; True if it was made for exactly this and is presented in time, once."""
        head, mac = challenge[:-HASH_BYTES], challenge[-HASH_BYTES:]
        if len(challenge) != CHALLENGE_BYTES or not hmac.compare_digest(mac, self._mac(head, op, ceremony)):
            return False
        nonce, now = head[:NONCE_BYTES], self._clock.now()
        ends_at = Instant(int.from_bytes(head[NONCE_BYTES : NONCE_BYTES + TIME_BYTES], "big"))
        if now >= ends_at:
            return False
        first = await self._db.bookkeep(Bookkeeping.CHALLENGE, lambda tx: passkeys.burn(tx, nonce, ends_at))
        return first and hmac.compare_digest(head[-HASH_BYTES:], content_of(ceremony, nonce, digest))

    def _mac(self, head: bytes, op: Operation, ceremony: Ceremony) -> bytes:
        whose = msgspec.json.encode([ceremony.value, op.origin, op.client, op.actor.session])
        return hmac.digest(self._key, head + whose, "sha256")


def content_of(ceremony: Ceremony, nonce: bytes, digest: str) -> bytes:
    """The part of a challenge that commits to what it is for; anybody can compute it."""
    return sha256(b"nexus challenge v1\n" + msgspec.json.encode([ceremony.value, nonce.hex(), digest])).digest()

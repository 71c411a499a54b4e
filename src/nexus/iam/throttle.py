"""Failed attempts: counted where the attacker is, so that nobody can lock somebody else out.

- A stranger's failures count against (login, network origin): the same login goes on from anywhere else.
- A client that signed in before holds a device token: its failures count against that token alone, and nobody else's
  failures count against it, not even those from its own address.
- Failures of the second factor under the right password count against the login, for unknown devices only: whoever
  reaches that count knows the password, and the owner's own devices go on.

Unknown logins are counted like known ones: the answers tell nothing.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from nexus.iam.store import credentials
from nexus.kernel.clock import HOUR, MINUTE, SECOND, Clock, Instant
from nexus.kernel.database import Bookkeeping, Database, Transaction
from nexus.kernel.errors import Throttled

MAX_FAILURES = 5
WINDOW = 15 * MINUTE
"""Failures in this time, from the first one on, before the next attempt has to wait for its end."""
MAX_FACTOR_FAILURES = 10
FACTOR_WINDOW = HOUR
IPV6_PREFIX = 64
"""An IPv6 client owns a whole /64: it counts as one origin."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where failures are counted: `key` is a hash, so that the table names nobody."""

    key: bytes
    limit: int
    window: int


def of_origin(door: str, login: str, origin: str) -> Bucket:
    """Failures for a login from one network origin; `door` tells sign-in from enrolment."""
    return Bucket(_key("origin", door, login, network_of(origin)), MAX_FAILURES, WINDOW)


def of_device(device: bytes) -> Bucket:
    """Failures of one known device."""
    return Bucket(_key("device", device.hex()), MAX_FAILURES, WINDOW)


def of_second_factor(login: str) -> Bucket:
    """Failures of the second factor under the right password, from unknown devices."""
    return Bucket(_key("factor", login), MAX_FACTOR_FAILURES, FACTOR_WINDOW)


def of_session(session: str) -> Bucket:
    """Wrong codes in one session that asks for a fresh factor: whoever stole it does not guess for long."""
    return Bucket(_key("session", session), MAX_FAILURES, WINDOW)


def network_of(origin: str) -> str:
    """The part of an address that one client controls."""
    try:
        address = ipaddress.ip_address(origin)
    except ValueError:
        return origin
    if address.version == 6:
        return str(ipaddress.ip_network((address, IPV6_PREFIX), strict=False))
    return str(address)


class Throttle:
    """Counts failures durably, before the attempt is judged, so that parallel attempts cannot slip through."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    def require(self, *buckets: Bucket) -> None:
        """Raise Throttled if one of the buckets is full."""
        now = self._clock.now()
        with self._db.read() as tx:
            for bucket in buckets:
                standing, ends_at = credentials.failures(tx, bucket.key, now)
                if standing >= bucket.limit:
                    raise _throttled(ends_at, now)

    async def charge(
        self, bucket: Bucket, times: int = 1, also: Callable[[Transaction], None] = lambda tx: None
    ) -> None:
        """Count an attempt as failed until `forgive` says otherwise; `also` is written in the same commit.

        Raises Throttled beyond the limit.
        """
        now = self._clock.now()
        ends_at = Instant(now + bucket.window)

        def work(tx: Transaction) -> int:
            also(tx)
            return credentials.count_failure(tx, bucket.key, now, ends_at, times)

        standing = await self._db.bookkeep(Bookkeeping.THROTTLE, work)
        if times and standing > bucket.limit:
            raise _throttled(ends_at, now)


def _key(*parts: str) -> bytes:
    return sha256("\0".join(parts).encode()).digest()


def _throttled(ends_at: Instant, now: Instant) -> Throttled:
    wait = max(1, -(-(ends_at - now) // SECOND))
    return Throttled(
        "too many failed attempts from here",
        retry_after_s=wait,
        code="iam.throttled",
        hint="wait, or sign in from a device that signed in before",
    )

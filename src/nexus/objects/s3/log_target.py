"""Where the access log of a bucket goes, as its document keeps it."""

import msgspec

from nexus.kernel.clock import Instant
from nexus.objects.store.access_lines import SIMPLE, Delivery


class LogTarget(msgspec.Struct, frozen=True):
    """A bucket by name, how the names of its log objects begin and go on, and since when it is so."""

    bucket: str
    prefix: str = ""
    delivery: Delivery = SIMPLE
    since: Instant = Instant(0)


_target = msgspec.json.Decoder(LogTarget)


def encode(target: LogTarget) -> bytes:
    """The stored form."""
    return msgspec.json.encode(target)


def decode(body: bytes) -> LogTarget:
    """The inverse of `encode`."""
    return _target.decode(body)

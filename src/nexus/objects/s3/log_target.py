"""Where the access log of a bucket goes, as its document keeps it."""

import msgspec


class LogTarget(msgspec.Struct, frozen=True):
    """A bucket by name, and how the names of its log objects begin."""

    bucket: str
    prefix: str = ""


_target = msgspec.json.Decoder(LogTarget)


def encode(target: LogTarget) -> bytes:
    """The stored form."""
    return msgspec.json.encode(target)


def decode(body: bytes) -> LogTarget:
    """The inverse of `encode`."""
    return _target.decode(body)

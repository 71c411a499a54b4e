"""Identifiers: a prefix that says the kind, then 26 characters of Crockford base 32.

The body is a UUIDv7 (RFC 9562) whose first 12 bits after the version are the fraction of its millisecond (section 6.2,
method 3): ids sort by creation time to a quarter of a microsecond, carry 62 random bits and reveal nothing else. An id is a
name, never a secret.
"""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
BODY_LENGTH = 26
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_SHIFTS = range(120, -1, -10)


def new_id(prefix: str, *, unix_ms: int | None = None) -> str:
    """A fresh id such as `per_01jd3…`; `unix_ms` fixes the time part (tests, replays), whose fraction is then random."""
    noise = int.from_bytes(os.urandom(10), "big")
    if unix_ms is None:
        stamp, rest = divmod(time.time_ns(), 1_000_000)
        fraction = (rest << 12) // 1_000_000
    else:
        stamp, fraction = unix_ms, noise >> 68
    value = ((stamp & (1 << 48) - 1) << 80) | (0x7 << 76) | (fraction << 64) | (0b10 << 62) | (noise & (1 << 62) - 1)
    return f"{prefix}_{_encode(value)}"


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` has the form of an id of this kind."""
    head, _, body = text.partition("_")
    return head == prefix and len(body) == BODY_LENGTH and all(c in _ALPHABET for c in body)


def _encode(value: int) -> str:
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in _SHIFTS])

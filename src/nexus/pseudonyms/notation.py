"""How a pseudonym is written: `NXP1-<DOMAIN>-<EPOCH>-<32 characters>-<2 check characters>`.

Capital letters, digits and hyphens only: it survives CSV, file names, URLs and a person who types it. The body is 20
bytes in Crockford's alphabet, without I, L, O and U. The check characters are those of ISO/IEC 7064 MOD 1271-36 over
all letters and digits before them: every single error and every exchange of two neighbours is found.
"""

import re
import struct
from base64 import b32decode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from nexus.kernel.errors import Invalid

FUNCTION: Final = "NXP1"
"""Name and version of the function that made it: HMAC-SHA-256 in two levels (`function.py`)."""
BODY_BYTES: Final = 20
BODY_CHARACTERS: Final = 32
MAX_EPOCH: Final = 99

_DOMAIN: Final = r"[A-Z][A-Z0-9]{1,15}"
_BODY: Final = r"[0-9A-HJKMNP-TV-Z]{32}"
PATTERN: Final = rf"{FUNCTION}-{_DOMAIN}-\d{{2}}-{_BODY}-[0-9A-Z]{{2}}"
"""What a pseudonym looks like, as a regular expression; the check characters decide whether it is one."""

_DOMAINS: Final = re.compile(_DOMAIN, re.ASCII)
_WHOLE: Final = re.compile(rf"{FUNCTION}-({_DOMAIN})-(\d{{2}})-({_BODY})-([0-9A-Z]{{2}})", re.ASCII)
_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FROM_CROCKFORD: Final = str.maketrans(_CROCKFORD, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_RADIX: Final = 36
_MODULUS: Final = 1271
_SLOT: Final = 32
"""Bytes of each body in the number that holds a batch: one a character in the end."""
_GATHER: Final = 4_096
"""Bodies in one such number: more would leave the processor's cache."""
_CHARACTER_OF: Final = bytes(_CROCKFORD, "ascii") + bytes(224)
_VALUE_OF: Final = bytes(_DIGITS.index(character) for character in _CROCKFORD) + bytes(224)
_BITS: Final = 5
"""Of a character."""


@dataclass(frozen=True, slots=True, order=True)
class Domain:
    """Where pseudonyms are the same, and under which secret: a name of 2 to 16 capitals and digits, an epoch from 1."""

    name: str
    epoch: int

    def __post_init__(self) -> None:
        if _DOMAINS.fullmatch(self.name) is None or not 1 <= self.epoch <= MAX_EPOCH:
            raise Invalid(
                "a domain is 2 to 16 capital letters and digits, its epoch 1 to 99",
                code="pseudonyms.domain",
            )

    def __str__(self) -> str:
        return f"{self.name}-{self.epoch:02d}"


class Writing:
    """Writes the pseudonyms of one domain."""

    __slots__ = ("_head", "_head_value")

    def __init__(self, domain: Domain) -> None:
        self._head = f"{FUNCTION}-{domain}-"
        self._head_value = int(self._head.replace("-", ""), _RADIX) * pow(_RADIX, BODY_CHARACTERS) % _MODULUS

    def write(self, body: bytes) -> str:
        """The pseudonym of 20 bytes."""
        return self.write_all([body])[0]

    def write_all(self, bodies: Sequence[bytes]) -> list[str]:
        """The pseudonyms of these bodies, in order; many together cost a fifth of what they cost one by one."""
        if any(len(body) != BODY_BYTES for body in bodies):
            raise ValueError("the body of a pseudonym has 20 bytes")
        written = []
        for begin in range(0, len(bodies), _GATHER):
            written += self._written(bodies[begin : begin + _GATHER])
        return written

    def _written(self, bodies: Sequence[bytes]) -> list[str]:
        head, places = self._head, range(0, len(bodies) * _SLOT, _SLOT)
        fives = _in_fives(bodies)
        text = fives.translate(_CHARACTER_OF).decode("ascii")
        checks = [_CHECKS[(self._head_value + value) % _MODULUS] for value in _values(fives)]
        return [head + text[at : at + _SLOT] + check for at, check in zip(places, checks, strict=True)]


def read(text: str) -> tuple[Domain, bytes]:
    """Domain and body of a pseudonym. Raises Invalid if it is none, or was mistyped."""
    found = _WHOLE.fullmatch(text)
    if found is None:
        raise Invalid("this is no pseudonym of Nexus", code="pseudonyms.form")
    name, epoch, body, check = found.groups()
    if check_characters(text[:-3].replace("-", "")) != check:
        raise Invalid(
            "the check characters of this pseudonym are wrong",
            code="pseudonyms.check",
            hint="a character was mistyped, or two were exchanged: copy it again",
        )
    return Domain(name, int(epoch)), b32decode(body.translate(_FROM_CROCKFORD))


def check_characters(text: str) -> str:
    """Two check characters over capitals and digits (ISO/IEC 7064, MOD 1271-36)."""
    return _check(int(text, _RADIX))


def _check(number: int) -> str:
    first, second = divmod((1 - number * _RADIX * _RADIX) % _MODULUS, _RADIX)
    return _DIGITS[first] + _DIGITS[second]


_CHECKS: Final = tuple(f"-{_check(rest)}" for rest in range(_MODULUS))
"""What is written behind a number that leaves this rest."""


def _in_fives(bodies: Sequence[bytes]) -> bytes:
    """Five bits a byte, 32 bytes a body. All bodies lie in one number, and each step halves every piece of it at once."""
    many, padding = len(bodies), bytes(_SLOT - BODY_BYTES)
    number = int.from_bytes(padding + padding.join(bodies), "big")
    bits, apart = BODY_BYTES * 8, _SLOT * 8
    while bits > _BITS:
        bits, apart = bits // 2, apart // 2
        low = _repeated((1 << bits) - 1, apart * 2, many * _SLOT * 4 // apart)
        number = (number & low) | (number >> bits & low) << apart
    return number.to_bytes(many * _SLOT, "big")


def _values(fives: bytes) -> Iterator[int]:
    """For each body, a number that leaves the rest that its 32 characters leave, read as digits."""
    many = len(fives) // _SLOT
    number, radix = int.from_bytes(fives.translate(_VALUE_OF), "big"), _RADIX
    for apart in (8, 16, 32):  # neighbours become one digit of the squared radix
        low = _repeated((1 << apart) - 1, apart * 2, many * _SLOT * 4 // apart)
        number, radix = (number & low) + (number >> apart & low) * radix, radix * radix
    quarters = struct.unpack(f">{many * 4}Q", number.to_bytes(many * _SLOT, "big"))
    for at in range(0, len(quarters), 4):
        yield ((quarters[at] * radix + quarters[at + 1]) * radix + quarters[at + 2]) * radix + quarters[at + 3]


@lru_cache(maxsize=64)
def _repeated(piece: int, bits: int, times: int) -> int:
    """A number of so many equal pieces, one in so many bits."""
    return int.from_bytes(piece.to_bytes(bits // 8, "big") * times, "big")

"""How a pseudonym is written: `NXP1-<DOMAIN>-<EPOCH>-<32 characters>-<2 check characters>`.

Capital letters, digits and hyphens only: it survives CSV, file names, URLs and a person who types it. The body is 20
bytes in Crockford's alphabet, without I, L, O and U. The check characters are those of ISO/IEC 7064 MOD 1271-36 over
all letters and digits before them: every single error and every exchange of two neighbours is found.
"""

import re
from base64 import b32decode
from dataclasses import dataclass
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
_PAIRS: Final = tuple(first + second for first in _CROCKFORD for second in _CROCKFORD)
_SHIFTS: Final = tuple(range(150, -1, -10))  # 16 pairs of 5 bits: three times as fast as base64.b32encode
_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_RADIX: Final = 36
_MODULUS: Final = 1271


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
        self._head_value = int(self._head.replace("-", ""), _RADIX) * pow(_RADIX, BODY_CHARACTERS)

    def write(self, body: bytes) -> str:
        """The pseudonym of 20 bytes."""
        if len(body) != BODY_BYTES:
            raise ValueError("the body of a pseudonym has 20 bytes")
        number = int.from_bytes(body, "big")
        text = "".join([_PAIRS[number >> shift & 0x3FF] for shift in _SHIFTS])
        return f"{self._head}{text}-{_check(self._head_value + int(text, _RADIX))}"


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

"""The one-time code on a patient's letter: to be read from paper, typed on a telephone, and found wrong before it is sent.

Thirteen characters, such as `K7QF-3M9X-T2RB5`: twelve of an alphabet of 31 without characters that look alike (59 bits),
and one that is the weighted sum of the others modulo 31. Because 31 is a prime number, every single wrong character and
every two exchanged ones are noticed.
"""

import secrets
from hashlib import sha256
from typing import Final

from nexus.kernel.secret import Secret

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
RANDOM: Final = 12
"""Characters that are drawn; one more is computed."""
MAX_TYPED: Final = 64
"""Characters of what somebody typed that are looked at."""
_GROUPS: Final = ((0, 4), (4, 8), (8, 13))


def new_code() -> Secret:
    """A code as it is printed."""
    drawn = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    whole = drawn + _check(drawn)
    return Secret("-".join(whole[first:end] for first, end in _GROUPS).encode())


def plain(typed: str) -> str:
    """What was typed, without spaces, dashes and lower case."""
    return "".join(sign for sign in typed[:MAX_TYPED].upper() if sign.isalnum())


def well_formed(typed: str) -> bool:
    """Whether it can be a code at all: the right characters, the right number of them, and their sum."""
    code = plain(typed)
    return len(code) == RANDOM + 1 and set(code) <= set(ALPHABET) and _check(code[:RANDOM]) == code[RANDOM]


def fingerprint(code: Secret) -> bytes:
    """What is stored of a code."""
    return sha256(b"nexus patient code v1\n" + plain(code.reveal().decode("utf-8", "replace")).encode()).digest()


def _check(drawn: str) -> str:
    total = sum(weight * ALPHABET.index(sign) for weight, sign in enumerate(drawn, 1))
    return ALPHABET[total % len(ALPHABET)]

"""Shamir's secret sharing over GF(256), and a text form of a share that a custodian can type.

A secret is cut into `total` shares; any `threshold` of them give it back and fewer say nothing about it. Each byte of
the secret is the constant term of its own random polynomial over GF(256) (reduction polynomial x^8+x^4+x^3+x+1, that
of AES); share `i` holds the values at `i`. The text form is described in docs/formats/keystore.md.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret

MIN_THRESHOLD = 2
MAX_SHARES = 255
"""Points of the field other than zero, which is where the secret lies."""
SET_ID_BYTES = 5
SECRET_BYTES = 32
"""The text form carries secrets of this length only."""

PREFIX = "nxs1"
"""Marks a text as a share, version 1."""
GROUP_CHARS = 6
"""Data characters of a group; a seventh checks them and their place."""
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_VALUE_OF = {char: value for value, char in enumerate(_ALPHABET)} | {"o": 0, "i": 1, "l": 1}
_VERSION = 1
_CHECKSUM_BYTES = 5
_PAYLOAD_BYTES = 1 + SET_ID_BYTES + 1 + 1 + SECRET_BYTES + _CHECKSUM_BYTES
_GROUPS = _PAYLOAD_BYTES * 8 // 5 // GROUP_CHARS
_DOMAIN = b"nexus-share/1"


@dataclass(frozen=True, slots=True)
class Share:
    """One custodian's part. Shares of one cut have the same `set_id`."""

    set_id: bytes
    threshold: int
    index: int
    """The point of the polynomials, 1 to 255."""
    value: Secret

    def text(self) -> str:
        """The form that is printed and typed: `nxs1-` and twelve groups of seven characters."""
        payload = bytes([_VERSION]) + self.set_id + bytes([self.threshold, self.index]) + self.value.reveal()
        return _spell(payload + _checksum(payload))

    def digest(self) -> bytes:
        """SHA-256 by which a share is recognised without being known (its value has 256 bits of entropy)."""
        return hashlib.sha256(_DOMAIN + b" digest" + self.set_id + bytes([self.index]) + self.value.reveal()).digest()


def split(
    secret: Secret, threshold: int, total: int, *, randomness: Callable[[int], bytes] = os.urandom
) -> list[Share]:
    """Cut `secret` into `total` shares, any `threshold` of which give it back. Raises Invalid on impossible numbers."""
    if not MIN_THRESHOLD <= threshold <= total <= MAX_SHARES:
        raise Invalid(
            f"{threshold} of {total} shares cannot be: {MIN_THRESHOLD} <= threshold <= total <= {MAX_SHARES}",
            code="sharing.numbers",
        )
    set_id = randomness(SET_ID_BYTES)
    plain = secret.reveal()
    coefficients = [plain, *(randomness(len(plain)) for _ in range(threshold - 1))]
    return [Share(set_id, threshold, x, Secret(_evaluate(coefficients, x))) for x in range(1, total + 1)]


def combine(shares: Sequence[Share]) -> Secret:
    """The secret of `threshold` shares or more of one cut. Raises Invalid on too few, twice the same, or mixed ones.

    A share with a false value gives a false secret: compare digests before, and open something sealed with it after.
    """
    if not shares:
        raise Invalid("no shares were given", code="sharing.too-few")
    first = shares[0]
    if any((s.set_id, s.threshold, len(s.value)) != (first.set_id, first.threshold, len(first.value)) for s in shares):
        raise Invalid("the shares belong to different sets", code="sharing.mixed")
    points = [share.index for share in shares]
    if len(set(points)) != len(points):
        raise Invalid("the same share was given twice", code="sharing.twice")
    if len(shares) < first.threshold:
        raise Invalid(f"{len(shares)} shares of the {first.threshold} needed", code="sharing.too-few")
    secret = bytearray(len(first.value))
    for share in shares:
        weight = _weight(share.index, points)
        for position, value in enumerate(share.value.reveal()):
            secret[position] ^= _multiply(weight, value)
    return Secret(secret)


def looks_like_share(text: str) -> bool:
    """Whether `text` is meant to be a share, well typed or not."""
    return _normalise(text).startswith(_normalise(PREFIX))


def parse(text: str) -> Share:
    """The share that was typed: case, spaces and dashes do not matter, o is 0, i and l are 1.

    Raises Invalid naming the group that holds the mistake.
    """
    body = _normalise(text)
    if not body.startswith(_normalise(PREFIX)):
        raise Invalid(f"a share begins with {PREFIX}", code="sharing.not-a-share")
    body = body[len(PREFIX) :]
    if len(body) != _GROUPS * (GROUP_CHARS + 1):
        raise Invalid(
            f"a share has {_GROUPS} groups of {GROUP_CHARS + 1} characters after {PREFIX}; "
            f"{len(body)} characters were typed",
            code="sharing.length",
        )
    payload = _read_groups(body)
    content, checksum = payload[:-_CHECKSUM_BYTES], payload[-_CHECKSUM_BYTES:]
    if _checksum(content) != checksum:
        raise Invalid("the share is mistyped: its checksum does not fit", code="sharing.checksum")
    if content[0] != _VERSION:
        raise Invalid(f"shares of version {content[0]} are not known here", code="sharing.version")
    rest = content[1 + SET_ID_BYTES :]
    return Share(content[1 : 1 + SET_ID_BYTES], rest[0], rest[1], Secret(rest[2:]))


# The text form


def _normalise(text: str) -> str:
    kept = "".join(char for char in text.casefold() if not char.isspace() and char not in "-_.")
    return kept.replace("o", "0").replace("i", "1").replace("l", "1")


def _spell(payload: bytes) -> str:
    bits = int.from_bytes(payload, "big")
    chars = "".join(_ALPHABET[(bits >> shift) & 31] for shift in range(len(payload) * 8 - 5, -1, -5))
    groups = [chars[start : start + GROUP_CHARS] for start in range(0, len(chars), GROUP_CHARS)]
    return "-".join([PREFIX, *(group + _check_char(place, group) for place, group in enumerate(groups))])


def _read_groups(body: str) -> bytes:
    bits = 0
    for place in range(_GROUPS):
        group = body[place * (GROUP_CHARS + 1) :][: GROUP_CHARS + 1]
        data, check = group[:-1], group[-1]
        if any(char not in _VALUE_OF for char in group) or _check_char(place, data) != check:
            raise Invalid(f"group {place + 1} of the share is mistyped", code="sharing.typo")
        for char in data:
            bits = bits << 5 | _VALUE_OF[char]
    return bits.to_bytes(_PAYLOAD_BYTES, "big")


def _check_char(place: int, group: str) -> str:
    return _ALPHABET[hashlib.sha256(_DOMAIN + b" group" + bytes([place]) + group.encode()).digest()[0] & 31]


def _checksum(payload: bytes) -> bytes:
    return hashlib.sha256(_DOMAIN + b" checksum" + payload).digest()[:_CHECKSUM_BYTES]


# The field. No tables: their cache lines would tell which bytes were looked up.


def _multiply(a: int, b: int) -> int:
    product = 0
    for bit in range(8):
        product ^= a * (b >> bit & 1)
        a = (a << 1) ^ (0x11B * (a >> 7 & 1))
    return product


def _invert(a: int) -> int:
    """a^254, which is 1/a."""
    power, result = a, 1
    for _ in range(7):
        power = _multiply(power, power)
        result = _multiply(result, power)
    return result


def _evaluate(coefficients: Sequence[bytes], x: int) -> bytes:
    """The values at `x` of the polynomials whose coefficients stand column by column (Horner)."""
    values = bytearray(len(coefficients[0]))
    for row in reversed(coefficients):
        for position, coefficient in enumerate(row):
            values[position] = _multiply(values[position], x) ^ coefficient
    return bytes(values)


def _weight(x: int, points: Sequence[int]) -> int:
    """Lagrange's weight of the point `x` for the value at zero."""
    weight = 1
    for other in points:
        if other != x:
            weight = _multiply(weight, _multiply(other, _invert(other ^ x)))
    return weight

"""XAES-256-GCM gives the specification's answers and opens nothing that was altered."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.crypto.xaes import NONCE_BYTES, XAES
from nexus.kernel.errors import Damaged

NONCE = b"ABCDEFGHIJKLMNOPQRSTUVWX"
ACCUMULATED = "e6b9edf2df6cec60c8cbd864e2211b597fb69a529160cd040d56c0c210081939"
"""SHAKE-128 over the answers to 10,000 random cases, from the specification."""


@pytest.mark.parametrize(
    ("key", "aad", "ciphertext"),
    [
        (b"\1" * 32, b"", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"),
        (b"\3" * 32, b"c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"),
    ],
)
def test_the_two_answers_of_the_specification(key, aad, ciphertext):
    assert XAES(key).open(NONCE + bytes.fromhex(ciphertext), aad) == b"XAES-256-GCM"


def test_the_accumulated_answers_of_the_specification():
    stream = memoryview(hashlib.shake_128(b"").digest(4_000_000))
    at = 0

    def take(length: int) -> bytes:
        nonlocal at
        at += length
        return bytes(stream[at - length : at])

    answers = hashlib.shake_128()
    for _ in range(10_000):
        cipher, nonce = XAES(take(32)), take(24)
        plaintext = take(take(1)[0])
        aad = take(take(1)[0])
        answers.update(cipher._derived(nonce).encrypt(nonce[12:], plaintext, aad))
    assert answers.hexdigest(32) == ACCUMULATED


@given(st.binary(max_size=100), st.binary(max_size=40), st.data())
def test_only_what_was_sealed_opens(plaintext, aad, data):
    cipher = XAES(b"k" * 32)
    sealed = cipher.seal(plaintext, aad)
    assert cipher.open(sealed, aad) == plaintext
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    altered = bytearray(sealed)
    altered[bit // 8] ^= 1 << bit % 8
    for attempt in (
        lambda: cipher.open(bytes(altered), aad),
        lambda: cipher.open(sealed[:-1], aad),
        lambda: cipher.open(sealed, aad + b"\0"),
        lambda: XAES(b"l" * 32).open(sealed, aad),
        lambda: cipher.open(sealed[: NONCE_BYTES + 15], aad),
    ):
        with pytest.raises(Damaged):
            attempt()

"""Signatures of files that prove what they say: only what was signed verifies, in one writing of it."""

from base64 import b64encode

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from nexus.crypto.signatures import Signature, signed

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
MESSAGE = b"what was said"


def signature(message: bytes = MESSAGE) -> Signature:
    return signed("key_1.2", PUBLIC, KEY.sign(message))


@given(st.binary())
def test_what_was_signed_verifies_and_names_its_signer(message):
    made = signature(message)
    assert made.check(message) == PUBLIC
    assert made.signer.startswith("key_1.2 sha256:") and len(made.signer.rpartition(":")[2]) == 64


@given(st.binary())
def test_nothing_else_does(message):
    if message != MESSAGE:
        with pytest.raises(InvalidSignature):
            signature().check(message)


@pytest.mark.parametrize(
    "change",
    [
        {"algorithm": "none"},
        {"public_key": ""},
        {"public_key": b64encode(PUBLIC[:-1]).decode()},
        {"public_key": b64encode(PUBLIC).decode().rstrip("=")},
        {"public_key": "é"},
        {"value": ""},
        {"value": b64encode(KEY.sign(b"another")).decode()},
        {"value": " " + signature().value},
    ],
)
def test_a_signature_that_was_written_otherwise_does_not_verify(change):
    with pytest.raises(InvalidSignature):
        replace(signature(), **change).check(MESSAGE)


def test_one_value_has_one_writing():
    """The last letter of 32 bytes in base 64 has two bits that mean nothing: they must be zero."""
    text = signature().public_key
    other = text[:-2] + chr(ord(text[-2]) + 1) + "="
    with pytest.raises(InvalidSignature):
        replace(signature(), public_key=other).check(MESSAGE)

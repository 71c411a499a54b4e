"""Sealing to a public key: only the private key opens, only in its place, and the keys are X-Wing's."""

import pytest

from nexus.crypto.hpke import OVERHEAD_BYTES, PUBLIC_KEY_BYTES, OpeningKey, SealingKey, generate_seed
from nexus.kernel.errors import Damaged, Invalid
from nexus.kernel.secret import Secret

KEY = OpeningKey(generate_seed())


def test_what_is_sealed_opens_with_the_private_key_only():
    sealed = KEY.public.seal(b"a person's key", b"place")
    assert len(sealed) == len(b"a person's key") + OVERHEAD_BYTES
    assert KEY.open(sealed, b"place") == Secret(b"a person's key")
    with pytest.raises(Damaged):
        OpeningKey(generate_seed()).open(sealed, b"place")


def test_a_sealed_key_opens_in_its_place_only():
    with pytest.raises(Damaged):
        KEY.open(KEY.public.seal(b"x", b"here"), b"there")


@pytest.mark.parametrize("at", [0, 700, 1119, 1120, -1])
def test_an_altered_byte_is_noticed(at):
    sealed = bytearray(KEY.public.seal(b"x" * 40, b""))
    sealed[at] ^= 1
    with pytest.raises(Damaged):
        KEY.open(bytes(sealed), b"")


@pytest.mark.parametrize("length", [0, 16, 1120, 1135])
def test_a_truncated_message_is_noticed(length):
    with pytest.raises(Damaged):
        KEY.open(KEY.public.seal(b"", b"")[:length], b"")


def test_sealing_twice_gives_two_ciphertexts():
    assert KEY.public.seal(b"x", b"") != KEY.public.seal(b"x", b"")


def test_the_key_pair_of_a_seed_is_that_of_the_xwing_draft():
    seed = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
    public = OpeningKey(Secret(seed)).public.raw
    assert len(public) == PUBLIC_KEY_BYTES
    assert public.hex().startswith("e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5b19cfc3d")


def test_keys_of_a_wrong_length_are_refused():
    for raw in (b"", bytes(1215), bytes(1217)):
        with pytest.raises(Invalid):
            SealingKey(raw)
    with pytest.raises(Invalid):
        OpeningKey(Secret(b"x" * 31))


def test_derived_keys_belong_to_their_label_and_their_private_key():
    assert KEY.derive(b"a") == KEY.derive(b"a")
    assert KEY.derive(b"a") != KEY.derive(b"b")
    assert KEY.derive(b"a") != OpeningKey(generate_seed()).derive(b"a")

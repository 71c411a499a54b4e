"""Wrapped keys open only as what they were, and the primitives agree with public vectors (AP-01, R-157)."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from nexus.crypto import wrapping
from nexus.crypto.wrapping import WrappedKey, associated_data, canonical, kwp_unwrap, kwp_wrap, parse, seal, unseal
from nexus.kernel.errors import Damaged, Invalid

SHARED = Path(os.environ.get("NEXUS_SHARED_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"))
WYCHEPROOF = SHARED / "vectors" / "wycheproof"
CIPHER = AESGCM(bytes(range(32)))
KEY_ID = "key_01jd3000000000000000000000"


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=5), st.randoms())
def test_a_context_has_one_spelling_whatever_its_order(context, random):
    items = list(context.items())
    random.shuffle(items)
    try:
        spelled = canonical(context)
    except Invalid:
        return
    assert canonical(dict(items)) == spelled
    assert spelled == json.dumps(context, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@given(*[st.dictionaries(st.text('ab"{},:', max_size=3), st.text('ab"{},:', max_size=3), max_size=3)] * 2)
def test_different_contexts_never_look_alike(one, other):
    assert (canonical(one) == canonical(other)) == (one == other)


def test_a_context_outside_unicode_is_refused():
    with pytest.raises(Invalid):
        canonical({"bucket": "\ud800"})


@given(st.integers(0, 2**32 - 1), st.binary(min_size=28, max_size=200))
def test_a_wrapped_key_survives_the_journey(version, sealed):
    wrapped = WrappedKey(KEY_ID, version, sealed)
    assert parse(wrapped.encode()) == wrapped


@given(st.binary(max_size=80))
def test_any_bytes_parse_or_are_damage(blob):
    with suppress(Damaged):
        assert parse(blob).encode() == blob


def test_every_flipped_bit_of_a_wrapped_key_is_damage():
    context = canonical({"bucket": "b1"})
    blob = WrappedKey(KEY_ID, 3, seal(CIPHER, b"k" * 32, associated_data(KEY_ID, 3, context))).encode()
    for position in range(len(blob) * 8):
        altered = bytearray(blob)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(Damaged):
            found = parse(bytes(altered))
            unseal(CIPHER, found.sealed, associated_data(found.key_id, found.version, context))


def test_the_known_answer_of_the_format_page():
    """docs/formats/key-service.md: key 00..1f, nonce 00..0b, data key 32 times 0x42, version 7, one bucket."""
    context = canonical({"site": "chu", "bucket": "bkt_1"})
    assert context == b'{"bucket":"bkt_1","site":"chu"}'
    associated = associated_data(KEY_ID, 7, context)
    sealed = bytes(range(12)) + CIPHER.encrypt(bytes(range(12)), b"\x42" * 32, associated)
    assert WrappedKey(KEY_ID, 7, sealed).encode().hex() == KNOWN
    assert unseal(CIPHER, parse(bytes.fromhex(KNOWN)).sealed, associated) == b"\x42" * 32


KNOWN = (
    "011e6b65795f30316a643330303030303030303030303030303030303030303000000007000102030405060708090a0b"
    "0540945987a78059cf03d5c9f3ab3a2fc194c576b2391d3e7a25a7c75f2b42f05315424050f833de7f9e4969d1530343"
)


def test_kwp_refuses_what_was_altered():
    wrapped = kwp_wrap(b"k" * 32, b"s" * 32)
    assert len(wrapped) == 40 and kwp_unwrap(b"k" * 32, wrapped) == b"s" * 32
    for wrong in (b"", wrapped[:-1], wrapped[:-8], wrapped[:-1] + bytes([wrapped[-1] ^ 1])):
        with pytest.raises(Damaged):
            kwp_unwrap(b"k" * 32, wrong)


def _vectors(name):
    file = WYCHEPROOF / name
    if not file.exists():
        pytest.skip("the Wycheproof vectors are not here (NEXUS_SHARED_DATA)")
    for group in json.loads(file.read_bytes())["testGroups"]:
        for case in group["tests"]:
            yield group, case


def test_kwp_agrees_with_wycheproof():
    valid = 0
    for _, case in _vectors("aes_kwp_test.json"):
        key, message, wrapped = (bytes.fromhex(case[name]) for name in ("key", "msg", "ct"))
        if case["result"] == "invalid":
            with pytest.raises(Damaged):
                kwp_unwrap(key, wrapped)
        else:
            assert kwp_unwrap(key, wrapped) == message
            valid += 1
            if case["result"] == "valid":
                assert kwp_wrap(key, message) == wrapped
    assert valid > 20


def test_gcm_agrees_with_wycheproof():
    checked = 0
    for group, case in _vectors("aes_gcm_test.json"):
        if (group["ivSize"], group["keySize"], group["tagSize"]) != (96, 256, 128):
            continue
        key, iv, aad, message, text, tag = (
            bytes.fromhex(case[name]) for name in ("key", "iv", "aad", "msg", "ct", "tag")
        )
        checked += 1
        if case["result"] == "valid":
            assert unseal(AESGCM(key), iv + text + tag, aad) == message
        else:
            with pytest.raises(Damaged):
                unseal(AESGCM(key), iv + text + tag, aad)
    assert checked > 20


def test_nonces_do_not_repeat():
    assert len({seal(CIPHER, b"", b"")[: wrapping.NONCE_BYTES] for _ in range(5_000)}) == 5_000

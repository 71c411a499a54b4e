"""The stored form of keys, facts, bodies and manifests: known answers, so that what was stored stays readable. AP-01."""

import itertools

import pytest

from nexus.crypto import floe
from nexus.crypto.xaes import XAES
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Damaged, Sealed
from nexus.kernel.secret import Secret
from nexus.objects import sealing
from nexus.objects.model import Metadata
from nexus.objects.sealing import (
    BODY,
    FACTS,
    INLINE,
    KEY,
    MANIFEST,
    PART,
    SEGMENTS,
    BucketKey,
    Facts,
    ObjectKey,
    Piece,
    Place,
    SubjectKey,
)

PLACE = Place("bkt_1", "scan/é", "ver_1")
FACTS_VALUE = Facts(
    size=5,
    etag="5d41402abc4b2a76b9719d911017c592",
    modified_at=Instant(1_800_000_000_000_000),
    content=INLINE,
    part_count=0,
    metadata=Metadata(headers={"content-type": "text/plain"}, user={"a": "b"}, tags={"t": "1"}),
    checksums={"crc32": "NhCmhg=="},
)
PIECES = (Piece(1, "blb_1", 5, {}), Piece(3, "blb_2", 7, {"crc32": "AAAAAA=="}))

SEALED_KEY = bytes.fromhex(
    "0154d3bc9f424d832921575bb1f1c91565185243ebfc8e28d05512dbc71a57a9a4b2936418f6957f016317b07c5b7962cf8d9fa83df6f9"
    "75e0d18767121943e288e27d8d1592011c4128e6176490d8232cfb1dff0eb043c39562e4551bcaeb3c00774861b134a4d7fa"
)
SEALED_KEY_OF_SUBJECT = bytes.fromhex(
    "02fd0d6c3c3e66bfe4ff4e76514abfe079fd0dc157c3f813562e45dff0413cbc139465ed01469da8588521d09d8c1c3caffea7bf90d7e8"
    "16fce220064320fa57085cb5f0cf1facd789209ef48dfec11eab1672836562f6750d5cb5bc717b956d232919d0e84f56746f24fa1ef6412d"
    "e3e1a18c69b885b2debc8396f1ba6d7c0b7e3a716fb5"
)
SEALED_FACTS = bytes.fromhex(
    "016a8258566e5f336c1974e4cf01e9f747baf25b81c038e14a0c61fe2cd077394fe5b88e2ab114663918a532d585ecc24694cfc0e78368"
    "25afc786113af7014708c42a11e19c85301b4d6969068a4ad2baeedfb6322534c1740f1cd6db0c00a2bf3cd7e524505bd2744a50913efc"
    "ad74620ddb736b26c3dbb2d1ca92f4c3240cd8837a295d8563c8b23c4fac746be5c6a8b8adab5fd5f176"
)
SEALED_BODY = bytes.fromhex(
    "00000002002000000020a7af1194af0a68ed717023e6f2d9df2405a4b1d5d5d0b0733c8d8e0aa1c664ab32e6720e3ed58f18e55668d813"
    "3a1f19b74050d20a52e2a01ebf16598249f4ac000000253e9e9db693609ad4128e24291b34ebfc007122fbd3f34a55fefba6fc80925076e1"
)
SEALED_MANIFEST = bytes.fromhex(
    "01f16256288411735961a337d30889a8bcfd1e25e9bf5e70b3301ab93f33c8a05bf29ed97f6b58a056e4d75dbcd0e5bc78a14b0ab43918"
    "16d91d10cc9f5c6f58dc"
)


def bucket_key() -> BucketKey:
    return BucketKey(Secret(b"b" * 32), "key_1", lambda: True)


def object_key() -> ObjectKey:
    return ObjectKey(Secret(bytes(range(64))))


def test_what_was_stored_by_the_first_version_opens():
    key = bucket_key().unwrap(SEALED_KEY, PLACE.bind(KEY))
    assert key.content == bytes(range(32))
    assert sealing.open_facts(key, PLACE, SEALED_FACTS) == FACTS_VALUE
    assert floe.open_all(key.content, PLACE.bind(BODY), SEALED_BODY, SEGMENTS) == b"hello"
    assert sealing.open_manifest(key, PLACE, SEALED_MANIFEST) == PIECES


def subject_key(letter: bytes = b"s") -> SubjectKey:
    return SubjectKey(Secret(letter * 32))


def test_the_key_of_an_object_of_a_subject_takes_both_keys():
    aad = PLACE.bind(KEY)
    assert bucket_key().unwrap(SEALED_KEY_OF_SUBJECT, aad, subject_key()).content == bytes(range(32))
    assert len(SEALED_KEY_OF_SUBJECT) == len(bucket_key().wrap(object_key(), aad, subject_key())) == 133
    wrong = [(SEALED_KEY_OF_SUBJECT, None), (SEALED_KEY_OF_SUBJECT, subject_key(b"t")), (SEALED_KEY, subject_key())]
    wrong += [(b"\x01" + SEALED_KEY_OF_SUBJECT[1:], key) for key in (None, subject_key())]
    for sealed, key in wrong:
        with pytest.raises(Damaged):
            found = bucket_key().unwrap(sealed, aad, key)
            sealing.open_facts(found, PLACE, SEALED_FACTS)


def test_associated_data_are_spelled_as_documented():
    assert PLACE.bind(BODY).hex() == (
        "0000000e6e657875732d6f626a6563742f3100000004626f647900000005626b745f31000000077363616e2fc3a9000000057665725f31"
    )


def test_no_two_places_and_no_two_kinds_are_spelled_alike():
    places = [("a", "b", "c"), ("ab", "", "c"), ("a", "bc", ""), ("", "a", "bc"), ("a", "b"), ("a", "b", "c", "")]
    kinds = (KEY, FACTS, BODY, MANIFEST, PART, sealing.UPLOAD_KEY, sealing.UPLOAD_FACTS)
    spelled = [Place(*fields).bind(kind) for fields, kind in itertools.product(places, kinds)]
    assert len(set(spelled)) == len(spelled)


@pytest.mark.parametrize("sealed", [b"", b"\x02" + SEALED_KEY[1:], SEALED_KEY[:-1], SEALED_KEY + b"\0", SEALED_FACTS])
def test_a_key_that_is_not_one_does_not_open(sealed):
    with pytest.raises(Damaged):
        bucket_key().unwrap(sealed, PLACE.bind(KEY))


@pytest.mark.parametrize(
    "sealed", [b"", SEALED_FACTS[:20], b"\x02" + SEALED_FACTS[1:], SEALED_FACTS[:-1], SEALED_MANIFEST, SEALED_BODY]
)
def test_facts_that_are_not_some_do_not_open(sealed):
    with pytest.raises(Damaged):
        sealing.open_facts(object_key(), PLACE, sealed)


def test_facts_of_another_shape_are_damage_even_under_the_right_key():
    sealed = object_key().seal(b"\xc0", PLACE.bind(FACTS))
    with pytest.raises(Damaged):
        sealing.open_facts(object_key(), PLACE, sealed)


def test_a_revoked_bucket_key_wraps_and_opens_nothing():
    key, leased = bucket_key(), [True]
    lapsing = BucketKey(Secret(b"b" * 32), "key_1", lambda: leased[0])
    key.revoke()
    leased[0] = False
    for useless in (key, lapsing):
        with pytest.raises(Sealed):
            useless.unwrap(SEALED_KEY, PLACE.bind(KEY))
        with pytest.raises(Sealed):
            useless.wrap(object_key(), PLACE.bind(KEY))


def test_keys_do_not_show_themselves():
    key = object_key()
    assert bytes(range(8)).hex() not in repr(key) + repr(vars(type(key)))
    assert str(key._secret) == "<secret>"
    secret = Secret(b"b" * 32)
    BucketKey(secret, "key_1", lambda: True)
    assert len(secret) == 0, "the bucket key lives in the cipher alone"
    assert isinstance(bucket_key().require(), XAES)

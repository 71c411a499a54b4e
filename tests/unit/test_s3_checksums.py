"""S3's checksums: known answers, joining of parts, and what clients may announce."""

import base64
import hashlib
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.objects.s3 import checksums, errors
from nexus.objects.s3.errors import Refusal

CHECK = b"123456789"


@pytest.mark.parametrize(
    ("name", "expected"),
    [  # The "check" values that the catalogue of parametrised CRC algorithms and FIPS 180-4 publish.
        ("CRC32", "cbf43926"),
        ("CRC32C", "e3069283"),
        ("CRC64NVME", "ae8b14860a799888"),
        ("SHA1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
        ("SHA256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"),
    ],
)
def test_each_algorithm_gives_its_published_check_value(name, expected):
    digest = checksums.ALGORITHMS[name].start()
    digest.update(CHECK[:4])
    digest.update(CHECK[4:])
    assert digest.digest().hex() == expected


@settings(max_examples=40, deadline=None)
@given(
    parts=st.lists(st.binary(max_size=50), min_size=1, max_size=5),
    name=st.sampled_from(["CRC32", "CRC32C", "CRC64NVME"]),
)
def test_the_checksum_of_the_whole_is_computed_from_those_of_the_parts(parts, name):
    algorithm = checksums.ALGORITHMS[name]

    def of(data):
        digest = algorithm.start()
        digest.update(data)
        return digest.digest()

    assert checksums.combined(algorithm, [(of(part), len(part)) for part in parts]) == of(b"".join(parts))


def test_a_composite_checksum_is_the_checksum_of_the_checksums_and_their_number():
    parts = [hashlib.sha256(b"a").digest(), hashlib.sha256(b"b").digest()]
    expected = base64.b64encode(hashlib.sha256(b"".join(parts)).digest()).decode() + "-2"
    assert checksums.composite(checksums.ALGORITHMS["SHA256"], parts) == expected


def test_a_hash_cannot_be_joined():
    with pytest.raises(Refusal):
        checksums.combined(checksums.ALGORITHMS["SHA1"], [(bytes(20), 1)])


def test_what_a_request_announces_is_found_in_its_header_or_its_trailer():
    text = base64.b64encode(zlib.crc32(b"x").to_bytes(4, "big")).decode()
    found = checksums.announced({"x-amz-checksum-crc32": text, "x-amz-sdk-checksum-algorithm": "CRC32"})
    assert (found.algorithm.name, checksums.encode(found.value)) == ("CRC32", text)
    later = checksums.announced({"x-amz-trailer": " x-amz-checksum-SHA256 "})
    assert (later.algorithm.name, later.value) == ("SHA256", None)
    assert checksums.announced({"x-amz-checksum-mode": "ENABLED"}) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-md4": "AAAA"},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-checksum-sha1": "AAAA"},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-trailer": "x-amz-checksum-crc32"},
        {"x-amz-checksum-crc32": "AAAAAA==", "x-amz-sdk-checksum-algorithm": "SHA256"},
        {"x-amz-trailer": "x-amz-meta-a"},
    ],
)
def test_a_checksum_that_cannot_be_one_is_an_invalid_request(headers):
    with pytest.raises(Refusal) as caught:
        checksums.announced(headers)
    assert caught.value.s3 is errors.INVALID_REQUEST


@pytest.mark.parametrize("text", ["AAAA", "!!!!", "é", "", "AAAAAA"])
def test_a_checksum_out_of_form_is_a_bad_digest(text):
    with pytest.raises(Refusal) as caught:
        checksums.announced({"x-amz-checksum-crc32": text})
    assert caught.value.s3 is errors.BAD_DIGEST


def test_content_md5_must_be_sixteen_bytes():
    assert checksums.content_md5(base64.b64encode(bytes(16)).decode()) == bytes(16)
    for text in ("", "AAAA", "not base 64", "é" * 22):
        with pytest.raises(Refusal) as caught:
            checksums.content_md5(text)
        assert caught.value.s3 is errors.INVALID_DIGEST

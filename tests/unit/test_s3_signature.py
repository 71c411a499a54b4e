"""Signature Version 4, against AWS's published example and against an independent implementation."""

import datetime as dt
import hashlib
import hmac
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.kernel.secret import Secret
from nexus.objects.s3.signature import (
    EMPTY_SHA256,
    MAX_CACHED_KEYS,
    SigningKey,
    SigningKeys,
    canonical_request,
    chunk_string_to_sign,
    signing_key,
    string_to_sign,
    trailer_string_to_sign,
    uri_encode,
)

# The credentials, requests and signatures of AWS's own documentation ("Examples: Signature Calculations in S3").
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TIMESTAMP = "20130524T000000Z"
SCOPE = "20130524/us-east-1/s3/aws4_request"
HOST = "examplebucket.s3.amazonaws.com"


def signature_of(method, path, parameters, headers, payload_hash):
    canonical = canonical_request(
        method,
        uri_encode(path, keep_slash=True),
        parameters,
        headers=headers,
        signed=tuple(sorted(headers)),
        payload_hash=payload_hash,
    )
    return SigningKey(signing_key(SECRET, "20130524", "us-east-1")).sign(string_to_sign(TIMESTAMP, SCOPE, canonical))


def test_the_get_object_example_of_aws_gives_the_published_signature():
    headers = {"host": HOST, "range": "bytes=0-9", "x-amz-content-sha256": EMPTY_SHA256, "x-amz-date": TIMESTAMP}
    assert (
        signature_of("GET", b"/test.txt", [], headers, EMPTY_SHA256)
        == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_the_put_object_example_of_aws_gives_the_published_signature():
    body = hashlib.sha256(b"Welcome to Amazon S3.").hexdigest()
    headers = {
        "date": "Fri, 24 May 2013 00:00:00 GMT",
        "host": HOST,
        "x-amz-content-sha256": body,
        "x-amz-date": TIMESTAMP,
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
    }
    assert (
        signature_of("PUT", b"/test$file.text", [], headers, body)
        == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )


@pytest.mark.parametrize(
    ("parameters", "signature"),
    [
        ([(b"lifecycle", b"")], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (
            [(b"prefix", b"J"), (b"max-keys", b"2")],
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_the_query_examples_of_aws_give_the_published_signatures(parameters, signature):
    headers = {"host": HOST, "x-amz-content-sha256": EMPTY_SHA256, "x-amz-date": TIMESTAMP}
    assert signature_of("GET", b"/", parameters, headers, EMPTY_SHA256) == signature


def test_the_streaming_example_of_aws_gives_the_published_chunk_signatures():
    key = SigningKey(signing_key(SECRET, "20130524", "us-east-1"))
    signature = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    published = [
        (b"a" * 65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (b"a" * 1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (b"", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ]
    for chunk, expected in published:
        signature = key.sign(chunk_string_to_sign(TIMESTAMP, SCOPE, signature, hashlib.sha256(chunk).hexdigest()))
        assert signature == expected


def test_the_trailer_string_is_the_one_of_the_specification_computed_by_independent_code():
    lines = ["AWS4-HMAC-SHA256-TRAILER", TIMESTAMP, SCOPE, "f" * 64]
    expected = "\n".join([*lines, hashlib.sha256(b"x-amz-checksum-crc32c:sOO8/Q==\n").hexdigest()])
    assert trailer_string_to_sign(TIMESTAMP, SCOPE, "f" * 64, b"x-amz-checksum-crc32c:sOO8/Q==\n") == expected.encode()


KEYS = st.text(min_size=1, max_size=30).map(lambda text: text.encode("utf-8", "ignore")).filter(bool)


@settings(max_examples=60, deadline=None)
@given(key=KEYS, names=st.dictionaries(KEYS, st.binary(max_size=10), max_size=4))
def test_whatever_the_key_botocore_and_we_compute_the_same_signature(key, names):
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in names.items())
    url = f"https://h/bucket/{quote(key, safe='/-_.~')}" + (f"?{query}" if query else "")
    request = AWSRequest("GET", url)
    request.context["payload_signing_enabled"] = True
    S3SigV4Auth(Credentials("AK", SECRET.decode()), "s3", "eu-west-1").add_auth(request)
    theirs = request.headers["Authorization"].rpartition("Signature=")[2]
    timestamp = request.headers["X-Amz-Date"]
    headers = {
        "host": urlsplit(url).netloc,
        "x-amz-content-sha256": request.headers["X-Amz-Content-SHA256"],
        "x-amz-date": timestamp,
    }
    canonical = canonical_request(
        "GET",
        uri_encode(b"/bucket/" + key, keep_slash=True),
        list(names.items()),
        headers=headers,
        signed=tuple(sorted(headers)),
        payload_hash=headers["x-amz-content-sha256"],
    )
    scope = f"{timestamp[:8]}/eu-west-1/s3/aws4_request"
    ours = SigningKey(signing_key(SECRET, timestamp[:8], "eu-west-1")).sign(string_to_sign(timestamp, scope, canonical))
    assert ours == theirs


def test_header_values_are_trimmed_and_their_blanks_folded_but_letters_stay():
    headers = {"host": "  a   b\t", "x-amz-meta-n": "caf\xc3\xa0 \xa0"}
    canonical = canonical_request("GET", "/", [], headers=headers, signed=("host", "x-amz-meta-n"), payload_hash="x")
    assert b"host:a b\nx-amz-meta-n:caf\xc3\xa0 \xa0\n" in canonical


def test_the_slash_is_kept_in_paths_only():
    assert uri_encode(b"a/b~ +\xff", keep_slash=True) == "a/b~%20%2B%FF"
    assert uri_encode(b"a/b") == "a%2Fb"


def test_a_derived_key_is_reused_until_the_secret_changes_or_the_cache_is_wiped():
    keys = SigningKeys()
    first = keys.derive("AK", Secret(b"one"), "20130524", "r")
    assert keys.derive("AK", Secret(b"one"), "20130524", "r") is first
    other = keys.derive("AK", Secret(b"two"), "20130524", "r")
    assert other.sign(b"m") != first.sign(b"m")
    assert keys.derive("AK", Secret(b"one"), "20130524", "r").sign(b"m") == first.sign(b"m")
    keys.wipe()
    assert keys.derive("AK", Secret(b"one"), "20130524", "r") is not first


def test_a_wiped_secret_cannot_be_used_through_the_cache():
    keys, secret = SigningKeys(), Secret(b"one")
    keys.derive("AK", secret, "20130524", "r")
    secret.wipe()
    with pytest.raises(ValueError, match="wiped"):
        keys.derive("AK", secret, "20130524", "r")


def test_the_cache_of_derived_keys_is_bounded():
    keys = SigningKeys()
    for number in range(MAX_CACHED_KEYS + 10):
        keys.derive(str(number), Secret(b"s"), "d", "r")
    assert len(keys._keys) == MAX_CACHED_KEYS


def test_an_independent_derivation_gives_the_same_key():
    def step(key, text):
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    day = dt.datetime(2026, 11, 23, tzinfo=dt.UTC).strftime("%Y%m%d")
    expected = step(step(step(step(b"AWS4s3cr3t", day), "r"), "s3"), "aws4_request")
    assert signing_key(b"s3cr3t", day, "r") == expected

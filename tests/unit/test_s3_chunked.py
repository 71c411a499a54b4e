"""The aws-chunked decoder: the same payload however the bytes are cut, and a refusal for everything else."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.objects.s3 import errors
from nexus.objects.s3.chunked import MAX_CHUNK_HEADER, MAX_TRAILER, AwsChunkedDecoder
from nexus.objects.s3.errors import Refusal

SIGNATURE = "a" * 64


class Signatures:
    """Remembers what it was asked to verify; refuses on demand."""

    def __init__(self, refuse: bool = False) -> None:
        self.chunks: list[tuple[str, str]] = []
        self.trailers: list[tuple[str, bytes]] = []
        self.refuse = refuse

    def chunk(self, signature: str, payload_sha256: str) -> None:
        if self.refuse:
            raise Refusal(errors.SIGNATURE_DOES_NOT_MATCH)
        self.chunks.append((signature, payload_sha256))

    def trailer(self, signature: str, trailer: bytes) -> None:
        self.trailers.append((signature, trailer))


def frame(chunks, trailers=None, *, signed=False):
    extension = f";chunk-signature={SIGNATURE}".encode() if signed else b""
    body = b"".join(b"%x%s\r\n%s\r\n" % (len(chunk), extension, chunk) for chunk in chunks)
    lines = b"".join(name + b":" + value + b"\r\n" for name, value in (trailers or {}).items())
    return body + b"0" + extension + b"\r\n" + lines + b"\r\n"


def decode(body, cuts=(), *, length, trailers=False, verifier=None):
    decoder = AwsChunkedDecoder(length, trailers=trailers, verifier=verifier)
    edges = [0, *sorted(cuts), len(body)]
    out = b""
    for start, end in itertools.pairwise(edges):
        out += b"".join(decoder.feed(body[start:end]))
    decoder.close()
    return out, decoder.trailers


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_payload_does_not_depend_on_where_the_network_cuts(data):
    chunks = data.draw(st.lists(st.binary(min_size=1, max_size=40), max_size=5))
    trailers = data.draw(st.sampled_from([{}, {b"x-amz-checksum-crc32": b"AAAAAA=="}]))
    signed = data.draw(st.booleans())
    if signed and trailers:
        trailers = {**trailers, b"x-amz-trailer-signature": SIGNATURE.encode()}
    body = frame(chunks, trailers, signed=signed)
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=12))
    payload = b"".join(chunks)
    verifier = Signatures() if signed else None
    out, found = decode(body, cuts, length=len(payload), trailers=bool(trailers), verifier=verifier)
    assert out == payload
    assert found == ({"x-amz-checksum-crc32": "AAAAAA=="} if trailers else {})
    if verifier is not None:
        assert len(verifier.chunks) == len(chunks) + 1
        assert len(verifier.trailers) == bool(trailers)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=20), max_size=3), st.data())
def test_a_body_cut_short_anywhere_is_incomplete(chunks, data):
    body = frame(chunks)
    end = data.draw(st.integers(0, len(body) - 1))
    with pytest.raises(Refusal):
        decode(body[:end], length=len(b"".join(chunks)))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_noise_is_refused_or_decodes_to_exactly_its_declared_length(noise):
    try:
        out, _ = decode(noise, length=8)
    except Refusal as refusal:
        assert refusal.s3.status == 400
    else:
        assert len(out) == 8


@pytest.mark.parametrize(
    "body",
    [
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5;foo=bar\r\nhello\r\n0\r\n\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"6\r\nhello!\r\n0\r\n\r\n",
        b"ffffffffffffffff\r\nhello",
        b"00000000000000005\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\r\nmore",
        b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n",
        b"4\r\nhell\r\n0\r\n\r\n",
        b"5;chunk-signature=" + SIGNATURE.encode() + b"\r\nhello\r\n0\r\n\r\n",
        b"5" + b" " * (MAX_CHUNK_HEADER + 1),
        b"",
    ],
)
def test_framing_that_two_readers_could_read_differently_is_refused(body):
    with pytest.raises(Refusal) as caught:
        decode(body, length=5)
    assert caught.value.s3 is errors.INCOMPLETE_BODY


def test_a_chunk_larger_than_what_is_left_is_refused_at_its_header():
    decoder = AwsChunkedDecoder(5, trailers=False, verifier=None)
    with pytest.raises(Refusal):
        list(decoder.feed(b"6\r\n"))


@pytest.mark.parametrize(
    "trailer",
    [b"no colon", b"x:a\r\nx:b", b"x-y:" + b"z" * MAX_TRAILER, b": v", b"x y:v", b"x-amz-trailer-signature:abc"],
)
def test_malformed_trailers_are_refused(trailer):
    with pytest.raises(Refusal):
        decode(b"5\r\nhello\r\n0\r\n" + trailer + b"\r\n\r\n", length=5, trailers=True)


def test_an_unsigned_chunk_in_a_signed_stream_is_refused():
    with pytest.raises(Refusal):
        decode(b"5\r\nhello\r\n0\r\n\r\n", length=5, verifier=Signatures())


def test_a_wrong_chunk_signature_ends_the_stream():
    with pytest.raises(Refusal) as caught:
        decode(frame([b"hello"], signed=True), length=5, verifier=Signatures(refuse=True))
    assert caught.value.s3 is errors.SIGNATURE_DOES_NOT_MATCH


def test_a_signed_trailer_without_its_signature_reaches_the_verifier_as_empty():
    verifier = Signatures()
    decode(frame([b"hello"], {b"x-a": b"b"}, signed=True), length=5, trailers=True, verifier=verifier)
    assert verifier.trailers == [("", b"x-a:b\n")]


def test_a_line_feed_before_the_end_of_a_trailer_line_is_accepted_as_in_the_aws_documentation():
    _, trailers = decode(b"0\r\nx-amz-checksum-crc32c:sOO8/Q==\n\r\n\r\n", length=0, trailers=True)
    assert trailers == {"x-amz-checksum-crc32c": "sOO8/Q=="}

"""Bodies are sealed to the same, however they come."""

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.crypto import floe
from nexus.kernel.secret import Secret
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.blobs.port import Checksum
from nexus.objects.model import MD5_BYTES
from nexus.objects.sealed_stream import BATCH_BYTES, LOOSE_BYTES, SealedStream
from nexus.objects.sealing import SEGMENTS, BucketKey
from simulators.engines import read

KEY, AAD, BLOB = os.urandom(32), b"where it belongs", "blb-00000000000000000000000000"
LARGE = os.urandom(3 * BATCH_BYTES + 1)
EDGES = (1, LOOSE_BYTES - 1, LOOSE_BYTES, SEGMENTS.plain_bytes, SEGMENTS.plain_bytes + 1, 256 * 1024, BATCH_BYTES)
SIZES = st.one_of(st.sampled_from(EDGES), st.integers(1, BATCH_BYTES + 5), st.integers(1, 3_000))
LENGTHS = st.one_of(
    st.sampled_from([0, 1, *(n * BATCH_BYTES for n in (1, 2, 3)), len(LARGE)]), st.integers(0, len(LARGE))
)


def stream_to(blobs: DiskBlobs, expected: int | None) -> SealedStream:
    bucket_key = BucketKey(Secret(os.urandom(32)), "k", lambda: True)
    wanted = {"expected": expected, "want_md5": False, "want_crc64": True}
    return SealedStream(blobs, BLOB, bucket_key, KEY, AAD, **wanted)


@settings(max_examples=60, deadline=None)
@given(LENGTHS, st.lists(SIZES, min_size=1, max_size=6), st.booleans())
def test_a_body_is_sealed_to_the_same_however_it_is_cut(length, sizes, told):
    body = LARGE[:length]

    async def write(blobs: DiskBlobs) -> None:
        stream, at, turn = stream_to(blobs, length if told else None), 0, 0
        while at < length:
            size = max(sizes[turn % len(sizes)], length // 200 + 1)
            await stream.feed(body[at : at + size])
            at, turn = at + size, turn + 1
        known = await stream.finish()
        await stream.make_durable()
        stream.release()
        crc64 = Checksum()
        crc64.update(body)
        assert (known.size, known.crc64) == (length, crc64.digest())
        assert known.md5 == (hashlib.md5(body).digest() if length <= MD5_BYTES else None)

    with tempfile.TemporaryDirectory() as folder:
        blobs = DiskBlobs(Path(folder))
        asyncio.run(write(blobs))
        sealed = read(blobs, BLOB)
        blobs.close()
    assert len(sealed) == SEGMENTS.sealed_length(length)
    assert floe.open_all(KEY, AAD, sealed, SEGMENTS) == body


async def test_a_body_of_single_bytes_is_not_held_as_so_many_things(tmp_path):
    """Each piece that is kept costs a hundred bytes besides its own: a stranger may send half a million of one byte."""
    blobs = DiskBlobs(tmp_path)
    stream = stream_to(blobs, None)
    for at in range(4_000):
        await stream.feed(LARGE[at : at + 1])
        assert len(stream._pieces) == 1
    stream.abort()
    blobs.close()

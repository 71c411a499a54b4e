"""Bodies are sealed to the same, however they come."""

import asyncio
import hashlib
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.crypto import floe
from nexus.kernel.secret import Secret
from nexus.objects.batches import ALL_SEGMENTS, BATCH_BYTES, Batches
from nexus.objects.blobs.disk import DiskBlobs
from nexus.objects.blobs.port import Checksum
from nexus.objects.model import MD5_BYTES
from nexus.objects.sealed_stream import LOOSE_BYTES, SealedStream
from nexus.objects.sealing import SEGMENTS, BucketKey
from simulators.engines import read

KEY, AAD, BLOB = os.urandom(32), b"where it belongs", "blb-00000000000000000000000000"
LARGE = os.urandom(3 * BATCH_BYTES + 1)
EDGES = (1, LOOSE_BYTES - 1, LOOSE_BYTES, SEGMENTS.plain_bytes, SEGMENTS.plain_bytes + 1, 256 * 1024, BATCH_BYTES)
SIZES = st.one_of(st.sampled_from(EDGES), st.integers(1, BATCH_BYTES + 5), st.integers(1, 3_000))
OTHERS = st.sampled_from([0, 1, ALL_SEGMENTS // 8, ALL_SEGMENTS // 5, ALL_SEGMENTS])
LENGTHS = st.one_of(
    st.sampled_from([0, 1, *(n * BATCH_BYTES for n in (1, 2, 3)), len(LARGE)]), st.integers(0, len(LARGE))
)


def stream_to(
    blobs: DiskBlobs, expected: int | None, batches: Batches | None = None, *, want_crc64: bool = True
) -> SealedStream:
    bucket_key = BucketKey(Secret(os.urandom(32)), "k", lambda: True)
    wanted = {"batches": batches or Batches(), "expected": expected, "want_md5": False, "want_crc64": want_crc64}
    return SealedStream(blobs, BLOB, bucket_key, KEY, AAD, **wanted)


@settings(max_examples=60, deadline=None)
@given(LENGTHS, st.lists(SIZES, min_size=1, max_size=6), st.booleans(), st.booleans(), st.lists(OTHERS, min_size=1))
def test_a_body_is_sealed_to_the_same_however_it_is_cut_and_whoever_else_writes(length, sizes, told, checked, others):
    body, batches = LARGE[:length], Batches()

    async def write(blobs: DiskBlobs, under_way: ExitStack) -> None:
        meet(others[0], batches, under_way)
        stream, at, turn = stream_to(blobs, length if told else None, batches, want_crc64=checked), 0, 0
        while at < length:
            meet(others[turn % len(others)], batches, under_way)
            size = max(sizes[turn % len(sizes)], length // 200 + 1)
            await stream.feed(body[at : at + size])
            at, turn = at + size, turn + 1
        known = await stream.finish()
        await stream.make_durable()
        stream.release()
        crc64 = Checksum()
        crc64.update(body)
        assert (known.size, known.crc64) == (length, crc64.digest() if checked else None)
        assert known.md5 == (hashlib.md5(body).digest() if length <= MD5_BYTES else None)

    with tempfile.TemporaryDirectory() as folder, ExitStack() as under_way:
        blobs = DiskBlobs(Path(folder))
        asyncio.run(write(blobs, under_way))
        sealed = read(blobs, BLOB)
        blobs.close()
    assert len(sealed) == SEGMENTS.sealed_length(length)
    assert floe.open_all(KEY, AAD, sealed, SEGMENTS) == body


def meet(others: int, batches: Batches, under_way: ExitStack) -> None:
    """So many other streams are under way now."""
    under_way.close()
    for _ in range(others):
        under_way.enter_context(batches.stream())


async def test_a_body_that_ends_with_the_process_says_nothing_and_is_left_to_the_sweep(tmp_path):
    """The disk threads are gone by the time that its last write is known to be done: nobody is left to remove it."""
    said, blobs = [], DiskBlobs(tmp_path)
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
    stream = stream_to(blobs, None)
    await stream.feed(LARGE)
    stream.abort()
    blobs.close()
    await asyncio.sleep(0.01)
    assert said == []
    [[left]] = [found for found in DiskBlobs(tmp_path).older_than(-1) if found]
    assert left.id == BLOB
    gone = DiskBlobs(tmp_path).remove_abandoned(left, lambda: True)
    assert gone, "its lock has ended with it"


async def test_a_body_of_single_bytes_is_not_held_as_so_many_things(tmp_path):
    """Each piece that is kept costs a hundred bytes besides its own: a stranger may send half a million of one byte."""
    blobs = DiskBlobs(tmp_path)
    stream = stream_to(blobs, None)
    for at in range(4_000):
        await stream.feed(LARGE[at : at + 1])
        assert len(stream._pieces) == 1
    stream.abort()
    blobs.close()

"""Bodies open to what was sealed, wherever their bytes lie at the moment, and nothing else leaves."""

import asyncio
import itertools
import os
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.crypto import floe
from nexus.kernel.errors import Damaged, NexusError, Sealed
from nexus.kernel.secret import Secret
from nexus.objects.content import Body, Message, Source, chunks
from nexus.objects.reading_ahead import ASKED_SEGMENTS, NEAR_SEGMENTS, Ahead
from nexus.objects.sealing import SEGMENTS, BucketKey
from simulators.moody_blobs import MoodyBlobs

KEY, AAD = os.urandom(32), b"where it belongs"
SEGMENT = SEGMENTS.plain_bytes
LARGE = os.urandom(11 * SEGMENT + 77)
WHOLE = len(LARGE)
SEALED = floe.seal(KEY, AAD, LARGE, SEGMENTS)
MOODS = st.lists(st.booleans(), min_size=1, max_size=12)


def flipped(sealed: bytes, at: int) -> bytes:
    changed = bytearray(sealed)
    changed[at] ^= 0x40
    return bytes(changed)


def source(blobs, *, key: BucketKey | None = None, asked: bool = False) -> Source:
    return Source(blobs, key or BucketKey(Secret(os.urandom(32)), "k", lambda: True), Ahead(), asked)


async def received(source: Source, first: int, length: int) -> list[bytes]:
    """What a reader gets that keeps every piece until the end: those of a body are its own, whatever is lent below it."""

    async def failed(error: NexusError) -> None:
        """Nothing is recorded here."""

    rest = chunks(source, [Message("blob", KEY, AAD, len(LARGE))], first, length)
    async with aclosing(Body(await anext(rest), rest, failed)) as body:
        return [chunk async for chunk in body]


def run(copies, moods, *, first=0, length=WHOLE, asked=False):
    blobs = MoodyBlobs(copies, itertools.cycle(moods))
    try:
        return asyncio.run(received(source(blobs, asked=asked), first, length)), blobs
    finally:
        blobs.threads.shutdown()


@settings(max_examples=80, deadline=None)
@given(MOODS, st.integers(0, len(LARGE) - 1), st.data())
def test_every_range_is_the_same_whatever_is_at_hand(moods, first, data):
    length = data.draw(st.integers(1, len(LARGE) - first))
    pieces, blobs = run([SEALED], moods, first=first, length=length, asked=data.draw(st.booleans()))
    assert b"".join(pieces) == LARGE[first : first + length]
    assert all(reader.closed for reader in blobs.opened)


@settings(max_examples=60, deadline=None)
@given(MOODS, st.integers(floe.HEADER_BYTES, len(SEALED) - 1))
def test_a_bad_copy_is_read_around_whatever_is_at_hand(moods, at):
    pieces, _ = run([flipped(SEALED, at), SEALED], moods)
    assert b"".join(pieces) == LARGE


@settings(max_examples=60, deadline=None)
@given(MOODS, st.integers(0, len(SEALED) - 1), st.booleans())
def test_what_does_not_verify_never_leaves(moods, at, cut):
    """Flipped anywhere, or cut anywhere after it was opened; what leaves before is whole segments of the truth."""
    blobs = MoodyBlobs([SEALED[:at] if cut else flipped(SEALED, at)], itertools.cycle(moods))
    came = bytearray()

    async def read() -> None:
        message = Message("blob", KEY, AAD, len(LARGE))
        async with aclosing(chunks(source(blobs), [message], 0, len(LARGE))) as body:
            async for chunk in body:
                came.extend(chunk)

    with pytest.raises(Damaged):
        asyncio.run(read())
    blobs.threads.shutdown()
    assert LARGE.startswith(came) and len(came) <= max(0, at - floe.HEADER_BYTES)


@pytest.mark.parametrize("at_hand", [True, False])
async def test_a_blob_that_is_cut_while_it_is_read_ends_in_damage(at_hand):
    """At the end of a segment too, where nothing of what is left is broken."""
    blobs = MoodyBlobs([SEALED], itertools.chain([True], itertools.repeat(at_hand)))
    with pytest.raises(Damaged):
        async with aclosing(chunks(source(blobs), [Message("blob", KEY, AAD, len(LARGE))], 0, len(LARGE))) as body:
            async for _ in body:
                blobs.opened[0].cut(floe.HEADER_BYTES + 6 * SEGMENTS.segment_bytes)
    blobs.threads.shutdown()


@pytest.mark.parametrize("at_hand", [True, False])
async def test_nothing_more_leaves_once_the_key_is_taken_back(at_hand):
    key = BucketKey(Secret(os.urandom(32)), "k", lambda: True)
    blobs = MoodyBlobs([SEALED], itertools.repeat(at_hand))
    came = 0
    with pytest.raises(Sealed):
        async with aclosing(
            chunks(source(blobs, key=key), [Message("blob", KEY, AAD, len(LARGE))], 0, len(LARGE))
        ) as body:
            async for chunk in body:
                came += len(chunk)
                key.revoke()
    blobs.threads.shutdown()
    assert came <= NEAR_SEGMENTS * SEGMENT


@settings(max_examples=30, deadline=None)
@given(MOODS)
def test_no_more_leaves_between_two_questions_to_a_patient_than_is_said(moods):
    pieces, _ = run([SEALED], moods, asked=True)
    assert max(map(len, pieces)) <= ASKED_SEGMENTS * SEGMENT


async def test_what_is_at_hand_is_opened_without_a_thread_and_others_get_their_turn():
    """A reader that never waits must not keep the loop: what comes next may be somebody else's request."""
    blobs = MoodyBlobs([SEALED], itertools.repeat(True))
    turns, before = 0, []

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.ensure_future(others())
    async with aclosing(chunks(source(blobs), [Message("blob", KEY, AAD, len(LARGE))], 0, len(LARGE))) as body:
        async for _ in body:
            before.append(turns)
    other.cancel()
    blobs.threads.shutdown()
    assert blobs.opened[0].waits == 1, "only the header"
    assert len(before) > 2 and len(set(before)) == len(before)


async def test_what_has_to_be_waited_for_is_asked_for_before_its_reader_comes():
    blobs = MoodyBlobs([SEALED], itertools.repeat(False))
    async with aclosing(chunks(source(blobs), [Message("blob", KEY, AAD, len(LARGE))], 0, len(LARGE))) as body:
        await anext(body)
        while blobs.opened[0].waits < 3:  # the header, the batch that came, and the one after it
            await asyncio.sleep(0.001)
        assert not blobs.opened[0].closed
    while not blobs.opened[0].closed:
        await asyncio.sleep(0.001)
    blobs.threads.shutdown()


@settings(max_examples=30, deadline=None)
@given(MOODS)
def test_pieces_that_are_lent_say_the_same_to_who_takes_a_copy_at_once(moods):
    blobs = MoodyBlobs([SEALED], itertools.cycle(moods))

    async def read() -> bytes:
        copied = bytearray()
        async with aclosing(chunks(source(blobs), [Message("blob", KEY, AAD, len(LARGE))], 0, len(LARGE))) as body:
            async for chunk in body:
                copied += chunk
                await asyncio.sleep(0)
        return bytes(copied)

    assert asyncio.run(read()) == LARGE
    blobs.threads.shutdown()

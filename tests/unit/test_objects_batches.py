"""How much of a body is sealed at once."""

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from nexus.objects.batches import ALL_SEGMENTS, BATCH_BYTES, LEAST_SEGMENTS, Batches
from nexus.objects.sealing import SEGMENTS

ENOUGH = ALL_SEGMENTS // LEAST_SEGMENTS
"""As many streams have the least each."""


@given(st.integers(0, 2 * ENOUGH))
def test_batches_are_whole_segments_and_within_the_bound_of_all_streams(streams: int) -> None:
    batches = Batches()
    with ExitStack() as under_way:
        for _ in range(streams):
            under_way.enter_context(batches.stream())
        size = batches.plain_bytes()
        assert size % SEGMENTS.plain_bytes == 0
        assert LEAST_SEGMENTS * SEGMENTS.plain_bytes <= size <= BATCH_BYTES
        assert streams > ENOUGH or streams * size <= ALL_SEGMENTS * SEGMENTS.plain_bytes
    assert batches.plain_bytes() == BATCH_BYTES

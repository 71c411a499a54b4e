"""How much of a stream is opened at once."""

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from nexus.objects.reading_ahead import ALL_SEGMENTS, MOST_SEGMENTS, Ahead


@given(st.integers(1, ALL_SEGMENTS))
def test_all_streams_together_never_open_more_than_the_bound(streams: int) -> None:
    ahead = Ahead()
    with ExitStack() as open_streams:
        for _ in range(streams):
            open_streams.enter_context(ahead.stream())
        assert 1 <= ahead.segments() <= MOST_SEGMENTS
        assert streams * ahead.segments() <= ALL_SEGMENTS


def test_streams_that_have_ended_leave_their_room_to_the_others() -> None:
    ahead = Ahead()
    with ahead.stream():
        with ExitStack() as others:
            for _ in range(ALL_SEGMENTS):
                others.enter_context(ahead.stream())
            assert ahead.segments() == 1
        assert ahead.segments() == MOST_SEGMENTS


def test_more_streams_than_segments_still_move() -> None:
    ahead = Ahead()
    with ExitStack() as open_streams:
        for _ in range(2 * ALL_SEGMENTS):
            open_streams.enter_context(ahead.stream())
        assert ahead.segments() == 1

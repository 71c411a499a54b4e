"""What is shown of counts: none from one to ten, and no way to compute one."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nexus.warehouse.cohorts.masking import LEAST, chain, partition

counts = st.lists(st.integers(0, 60), min_size=1, max_size=9)


@given(counts)
def test_no_count_of_a_chain_and_no_difference_of_two_shown_is_small(given_counts):
    exact = sorted(given_counts, reverse=True)
    shown = chain(exact)
    seen = [count for count in shown if count is not None]
    assert all(count == real for count, real in zip(shown, exact, strict=True) if count is not None)
    assert not any(0 < count < LEAST for count in seen)
    assert not any(0 < larger - smaller < LEAST for larger, smaller in pairwise(seen))


@given(counts)
def test_the_end_of_a_chain_is_shown_wherever_it_is_not_small_itself(given_counts):
    exact = sorted(given_counts, reverse=True)
    assert (chain(exact)[-1] is None) == (0 < exact[-1] < LEAST)


@given(counts)
def test_what_is_hidden_of_a_partition_holds_enough_persons_and_is_more_than_one_count(exact):
    shown = partition(exact)
    hidden = [count for count, seen in zip(exact, shown, strict=True) if seen is None]
    assert not any(seen is not None and 0 < seen < LEAST for seen in shown)
    if hidden and len(hidden) < len(exact):
        assert len(hidden) > 1
        assert sum(hidden) >= LEAST


@given(counts)
def test_nothing_is_hidden_where_nothing_is_small(exact):
    safe = [count for count in exact if count == 0 or count >= LEAST]
    assert partition(safe) == safe


def test_a_single_small_count_takes_its_smallest_neighbour_with_it():
    assert partition([500, 40, 7]) == [500, None, None]
    assert partition([500, 8, 7]) == [500, None, None]
    assert partition([500, 12, 3, 2]) == [500, None, None, None]

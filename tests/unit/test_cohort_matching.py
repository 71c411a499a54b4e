"""Matching: nobody twice, equal where asked, within callipers, the same for the same seed whatever the order of rows."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.warehouse.cohorts.matching import CASES_AT_ONCE, Group, Rules, match, mixed

FIELDS = ("person", "stratum", "age", "start", "end", "index")


def group(seed: int, size: int, first: int, *, strata: int = 3, own: bool = False) -> Group:
    """People made by chance; every fifth of them has two rows, as somebody with two periods has."""
    chance = numpy.random.default_rng(seed)
    person = numpy.repeat(numpy.arange(first, first + size), 1 + (numpy.arange(size) % 5 == 0) * own)
    many = len(person)
    start = chance.integers(0, 400, many)
    index = start + chance.integers(0, 300, many)
    end = index + chance.integers(0, 400, many)
    age = chance.integers(0, 3_000, many)
    return Group(person, chance.integers(0, strata, many), age, start, end, index)


def shuffled(given: Group, seed: int) -> Group:
    order = numpy.random.default_rng(seed).permutation(len(given))
    return Group(*(getattr(given, name)[order] for name in FIELDS))


def pairs(cases: Group, pool: Group, rules: Rules) -> list[tuple[int, int]]:
    found = match(cases, pool, rules)
    return list(zip(cases.person[found.case].tolist(), pool.person[found.control].tolist(), strict=True))


def fits(cases: Group, case: int, pool: Group, control: int, rules: Rules) -> bool:
    """The rules once more, one pair at a time."""
    own = pool.index[control] if rules.own_index else cases.index[case]
    if cases.stratum[case] != pool.stratum[control] or not pool.start[control] <= own <= pool.end[control]:
        return False
    if rules.age is not None and abs(pool.age[control] - cases.age[case]) > rules.age:
        return False
    if rules.own_index and rules.index is not None and abs(own - cases.index[case]) > rules.index:
        return False
    follow_up = (pool.end[control] - own) - (cases.end[case] - cases.index[case])
    return rules.follow_up is None or abs(follow_up) <= rules.follow_up


def one_after_another(cases: Group, pool: Group, rules: Rules) -> list[tuple[int, int]]:
    """What the answer means, said plainly: cases in turn, each from its place on, the first free who fit."""
    second = pool.index if rules.own_index else pool.end
    middle, reach = (cases.index, rules.index) if rules.own_index else (cases.end, rules.follow_up)
    if reach is None:
        second, middle, reach = pool.end * 0, cases.end * 0, 0
    width = 1 if rules.age is None else rules.age + 1
    bins, bin_of = (pool.age // width, cases.age) if rules.age is not None else (pool.age * 0, cases.age * 0)
    order = numpy.lexsort(
        (pool.start, pool.person, mixed(pool.person, rules.seed), second, bins, pool.stratum)
    ).tolist()
    by_stratum = {s: [row for row in order if pool.stratum[row] == s] for s in set(pool.stratum.tolist())}
    salt = mixed(cases.person, rules.seed + 2).tolist()
    taken: set[int] = set()
    found = []
    for case in numpy.lexsort((cases.person, mixed(cases.person, rules.seed + 1))).tolist():
        first, last = (bin_of[case] - (rules.age or 0)) // width, (bin_of[case] + (rules.age or 0)) // width
        near = [
            row for row in by_stratum.get(int(cases.stratum[case]), [])
            if first <= bins[row] <= last and abs(second[row] - middle[case]) <= reach
        ]  # fmt: skip
        start, still = (salt[case] % len(near) if near else 0), rules.ratio
        for row in near[start:] + near[:start]:
            person = int(pool.person[row])
            if still and person not in taken and fits(cases, case, pool, row, rules):
                taken.add(person)
                found.append((int(cases.person[case]), person))
                still -= 1
    return sorted(found)


calliper = st.none() | st.integers(0, 400)
asked = st.builds(
    Rules, ratio=st.integers(1, 4), seed=st.integers(0, 2**63 - 1), age=calliper, index=calliper, follow_up=calliper,
    own_index=st.booleans(),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(asked, st.integers(0, 2**32), st.integers(0, 25), st.integers(0, 120))
def test_every_pair_keeps_every_rule_and_nobody_is_taken_twice(rules, seed, many, pool_size):
    cases, pool = group(seed, many, 10_000), group(seed + 1, pool_size, 0, own=True)
    found = match(cases, pool, rules)
    taken = pool.person[found.control].tolist()
    assert len(set(taken)) == len(taken)
    assert all(fits(cases, c, pool, p, rules) for c, p in zip(found.case, found.control, strict=True))
    assert numpy.bincount(found.case, minlength=len(cases)).tolist() == found.served.tolist()
    assert found.served.max(initial=0) <= rules.ratio


@settings(max_examples=300, deadline=None)
@given(asked, st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 120), st.integers(1, 3))
def test_claims_made_at_once_end_where_serving_one_after_another_ends(rules, seed, many, pool_size, strata):
    cases, pool = group(seed, many, 10_000, strata=strata), group(seed + 1, pool_size, 0, strata=strata, own=True)
    assert pairs(cases, pool, rules) == one_after_another(cases, pool, rules)


def test_many_cases_and_few_controls_are_served_as_one_after_another_would_be():
    """More cases than are served together, who all want the same people."""
    cases, pool = group(5, CASES_AT_ONCE + 500, 100_000, strata=40), group(6, 9_000, 0, strata=40, own=True)
    rules = Rules(ratio=2, seed=11, age=200, follow_up=300)
    found = pairs(cases, pool, rules)
    assert len(found) > 1_000
    assert found == one_after_another(cases, pool, rules)


def test_persons_whose_numbers_lie_far_apart_are_matched_all_the_same():
    near = group(7, 200, 0, own=True)
    far = Group(near.person * 2**40, *(getattr(near, name) for name in FIELDS[1:]))
    cases, rules = group(8, 60, 10_000), Rules(ratio=2, seed=4, age=400)
    assert pairs(cases, far, rules) == one_after_another(cases, far, rules)


@settings(max_examples=100, deadline=None)
@given(asked, st.integers(0, 2**32), st.integers(1, 15), st.integers(0, 150))
def test_whoever_goes_short_has_nobody_left_who_fits(rules, seed, many, pool_size):
    cases, pool = group(seed, many, 10_000), group(seed + 1, pool_size, 0)
    found = match(cases, pool, rules)
    free = set(range(len(pool))) - set(found.control.tolist())
    for case in numpy.flatnonzero(found.served < rules.ratio):
        assert not any(fits(cases, case, pool, control, rules) for control in free)


@settings(max_examples=100, deadline=None)
@given(asked, st.integers(0, 2**32), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_pairs_in_any_order_of_rows(rules, seed, order):
    cases, pool = group(seed, 20, 10_000), group(seed + 1, 120, 0, own=True)
    assert pairs(cases, pool, rules) == pairs(shuffled(cases, order), shuffled(pool, order + 1), rules)


def test_another_seed_gives_other_controls():
    cases, pool = group(1, 30, 10_000), group(2, 3_000, 0)
    some = [pairs(cases, pool, Rules(ratio=2, seed=seed, age=300)) for seed in range(3)]
    assert len({tuple(one) for one in some}) == 3


def test_cases_that_do_not_find_enough_at_first_look_at_all_of_the_pool():
    """Two thousand people of the right age, of whom the last alone is observed on the day."""
    many = 2_000
    flat = numpy.zeros(many, dtype=numpy.int64)
    observed_until = numpy.where(numpy.arange(many) == many - 1, 900, 10)
    pool = Group(numpy.arange(many), flat, flat + 5, flat, observed_until, flat)
    one = numpy.ones(1, dtype=numpy.int64)
    cases = Group(one * 9_999_999, one * 0, one * 7, one * 0, one * 800, one * 500)
    for seed in range(20):
        assert pairs(cases, pool, Rules(ratio=1, seed=seed, age=3)) == [(9_999_999, many - 1)]


def test_who_has_two_periods_is_taken_once():
    pool = Group(*(numpy.array(column) for column in ([7, 7], [0, 0], [0, 0], [0, 50], [40, 90], [0, 0])))
    cases = Group(*(numpy.array(column) for column in ([1, 2], [0, 0], [0, 0], [0, 0], [99, 99], [10, 60])))
    assert match(cases, pool, Rules(ratio=1, seed=3)).served.sum() == 1


@pytest.mark.parametrize("empty", ["cases", "pool"])
def test_nobody_is_matched_with_nobody(empty):
    cases, pool = group(1, 0 if empty == "cases" else 5, 100), group(2, 0 if empty == "pool" else 5, 0)
    found = match(cases, pool, Rules(ratio=3, seed=1, age=10, follow_up=10))
    assert len(found.case) == len(found.control) == found.served.sum() == 0

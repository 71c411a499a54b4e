"""Walking over keys gives the same pages as sorting them all, and reads no more than it shows."""

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.kernel.errors import Invalid
from nexus.objects import rules
from nexus.objects.paging import Position, Scope, walk


@dataclass(frozen=True)
class Row:
    key: str


class Shelf:
    """Sorted keys, with a count of the rows that were taken from it."""

    def __init__(self, keys) -> None:
        self.keys = sorted(keys)
        self.read = 0
        self.looks = 0

    def page(self, scope: Scope, start: Position):
        def fetch(position: Position, size: int) -> list[Row]:
            self.looks += 1
            if isinstance(position.key, bytes):
                return []
            upper = scope.upper
            found = [k for k in self.keys if k >= position.key and (isinstance(upper, bytes) or k < upper)][:size]
            self.read += len(found)
            return [Row(key) for key in found]

        return walk(scope, start, fetch, lambda row: Position(rules.after_key(row.key)))


def rolled_up(keys, prefix, delimiter):
    """The reference: everything in scope, rolled up, in order."""
    shown = {rules.common_prefix(key, prefix, delimiter) or key for key in keys if key.startswith(prefix)}
    return sorted(shown)


KEYS = st.sets(st.text("ab/é", min_size=1, max_size=6), max_size=40)


@settings(max_examples=200)
@given(KEYS, st.text("ab/", max_size=2), st.sampled_from(["", "/", "a", "b/"]), st.integers(1, 5))
def test_pages_joined_are_the_whole_listing(keys, prefix, delimiter, limit):
    scope, shelf, shown, after = Scope(prefix, delimiter, limit), Shelf(keys), [], ""
    for _ in range(50):
        walked = shelf.page(scope, scope.after(after))
        names = sorted([*(row.key for row in walked.rows), *walked.prefixes])
        assert len(names) == limit or not walked.more
        shown += names
        if not walked.more:
            break
        after = walked.end.key if isinstance(walked.end, Row) else walked.end
        assert after == names[-1]
    assert shown == rolled_up(keys, prefix, delimiter)


def test_a_prefix_costs_no_more_than_it_shows():
    shelf = Shelf(f"{directory:02}/{number:05}" for directory in range(50) for number in range(400))
    walked = shelf.page(Scope("", "/", 1000), Position(""))
    assert len(walked.prefixes) == 50
    assert shelf.read <= 2 * 51
    assert shelf.looks <= 52


def test_a_page_of_none_asks_for_nothing():
    shelf = Shelf("abc")
    walked = shelf.page(Scope("", "", 0), Position(""))
    assert (walked.rows, walked.prefixes, walked.more, shelf.looks) == ((), (), False, 0)


def test_a_marker_before_the_scope_starts_at_the_scope():
    shelf = Shelf(["a", "b/1", "b/2", "c"])
    assert [row.key for row in shelf.page(Scope("b/", "", 9), Scope("b/", "", 9).after("a")).rows] == ["b/1", "b/2"]
    assert shelf.page(Scope("b/", "", 9), Scope("b/", "", 9).after("c")).rows == ()


def test_a_marker_inside_a_common_prefix_still_shows_it_and_the_prefix_itself_skips_it():
    shelf, scope = Shelf(["a/1", "a/2", "b"]), Scope("", "/", 9)
    assert shelf.page(scope, scope.after("a/1")).prefixes == ("a/",)
    assert shelf.page(scope, scope.after("a/")).prefixes == ()


def test_names_that_are_no_text_are_refused():
    with pytest.raises(Invalid):
        Scope("\ud800", "", 1)
    with pytest.raises(Invalid):
        Scope("", "", 1).after("\udfff")

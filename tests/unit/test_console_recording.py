"""Recordings of shells as text: what was shown and typed, without what only a terminal understands."""

import json

from nexus.console.recording import Moment, moments_of, plain

HEADER = json.dumps({"version": 3, "term": {"cols": 80, "rows": 24}})


def cast(*events):
    return "\n".join([HEADER, *map(json.dumps, events)]) + "\n"


def test_neighbours_of_one_kind_are_one_moment_with_the_time_of_the_first():
    recorded = cast([1.5, "o", "$ "], [2.0, "i", "l"], [0.1, "i", "s\r\n"], [0.2, "o", "a"], [0.2, "o", " b\r\n"])
    assert moments_of(recorded) == [
        Moment(1, "o", "$ "),
        Moment(3, "i", "ls\n"),
        Moment(3, "o", "a b\n"),
    ]


def test_colours_titles_and_movements_are_left_out():
    assert plain("\x1b]0;root@nexus\x07\x1b[1;31mred\x1b[0m\x1b[2J\x1b(B\r\nnext\x08\x00\tend") == "red\nnext\tend"


def test_sizes_exits_and_hidden_bytes_are_no_text_and_markers_are():
    recorded = cast([0, "r", "80x24"], [1, "b", "AAAA"], [1, "m", "watched by ada"], [1, "x", "0"])
    assert moments_of(recorded) == [Moment(2, "m", "watched by ada")]


def test_what_is_no_event_is_left_out():
    recorded = "\n".join([HEADER, "", "nonsense", "[1]", '[1, "o", 5]', '["a", "o", "b"]', "{}", '[1, "o", "good"]'])
    assert moments_of(recorded) == [Moment(1, "o", "good")]

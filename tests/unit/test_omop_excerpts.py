"""An excerpt holds the lines that were asked for, each behind its number, whatever the lines and wherever blocks end."""

from hypothesis import given
from hypothesis import strategies as st

from nexus.warehouse.omop.excerpts import excerpt, without

LINES = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b"")), min_size=1)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.sets(st.integers(2, 30)), st.integers(1, 40))
def test_lines_keep_their_numbers_wherever_a_block_ends(tmp_path_factory, lines, ending, ended, wanted, block):
    folder = tmp_path_factory.mktemp("excerpt")
    (folder / "whole").write_bytes(ending.join(lines) + (ending if ended or not lines[-1] else b""))
    numbers = sorted(number for number in wanted if number <= len(lines))
    assert excerpt(folder / "whole", numbers, ",", folder / "some", block=block) == len(lines)
    expected = [b"_number," + lines[0], *(b"%d,%s" % (number, lines[number - 1]) for number in numbers)]
    assert (folder / "some").read_bytes() == b"".join(line + b"\n" for line in expected)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.sets(st.integers(1, 30)), st.integers(1, 40))
def test_lines_that_are_left_out_leave_all_others_as_they_are(tmp_path_factory, lines, ending, ended, gone, block):
    folder = tmp_path_factory.mktemp("without")
    written = [line + ending for line in lines[:-1]] + [lines[-1] + (ending if ended or not lines[-1] else b"")]
    (folder / "whole").write_bytes(b"".join(written))
    without(folder / "whole", sorted(gone), folder / "some", block=block)
    assert (folder / "some").read_bytes() == b"".join(
        line for number, line in enumerate(written, 1) if number not in gone
    )

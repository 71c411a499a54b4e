"""An excerpt holds the lines that were asked for, each behind its number, whatever the lines and wherever blocks end."""

from hypothesis import given
from hypothesis import strategies as st

from nexus.warehouse.omop.excerpts import excerpt

LINES = st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b"")), min_size=1)


@given(LINES, st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.sets(st.integers(2, 30)), st.integers(1, 40))
def test_lines_keep_their_numbers_wherever_a_block_ends(tmp_path_factory, lines, ending, ended, wanted, block):
    folder = tmp_path_factory.mktemp("excerpt")
    (folder / "whole").write_bytes(ending.join(lines) + (ending if ended or not lines[-1] else b""))
    numbers = sorted(number for number in wanted if number <= len(lines))
    assert excerpt(folder / "whole", numbers, ",", folder / "some", block=block) == len(lines)
    expected = [b"_number," + lines[0], *(b"%d,%s" % (number, lines[number - 1]) for number in numbers)]
    assert (folder / "some").read_bytes() == b"".join(line + b"\n" for line in expected)

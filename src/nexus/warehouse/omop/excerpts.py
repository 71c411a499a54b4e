"""Excerpts: some lines of a delivered file, each behind its number, so that only they need be read field by field."""

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

from nexus.warehouse.omop.delivery import opened

NUMBER: Final = "_number"
"""The first column of an excerpt: the line of the file."""
BLOCK: Final = 4 << 20
"""Bytes that are read at once."""


def excerpt(path: Path, numbers: Sequence[int], separator: str, into: Path, *, block: int = BLOCK) -> int:
    """Write these lines of a file, in the order of their numbers, below a header; returns how many lines the file has.

    Nothing is decoded, and nothing looks into a line: whoever asks knows that no field holds a line break.
    """
    into.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # lines are entire, with columns that are not staged
    before, rest, place = 0, b"", 0
    end = separator.encode()
    with opened(path) as stream, into.open("wb") as out:
        while read := stream.read(block):
            read = rest + read
            whole = read.rfind(b"\n") + 1
            rest = read[whole:]
            if not whole:
                continue
            lines = read.count(b"\n", 0, whole)
            until = bisect_left(numbers, before + lines + 1, lo=place)
            if before == 0 or until > place:
                _copy(read[:whole].split(b"\n"), before, numbers[place:until], end, out, header=before == 0)
            before, place = before + lines, until
        if rest:
            _copy([rest], before, numbers[place:], end, out, header=before == 0)
    return before + bool(rest)


def _copy(
    lines: Sequence[bytes], before: int, numbers: Sequence[int], end: bytes, out: BinaryIO, *, header: bool
) -> None:
    if header:
        out.write(NUMBER.encode() + end + lines[0].rstrip(b"\r") + b"\n")
    for number in numbers:
        out.write(b"%d%s%s\n" % (number, end, lines[number - before - 1].rstrip(b"\r")))

"""Excerpts: some lines of a delivered file, each behind its number, so that only they need be read field by field."""

from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

import numpy
import numpy.typing

from nexus.warehouse.omop.delivery import opened

NUMBER: Final = "_number"
"""The first column of an excerpt: the line of the file."""
BLOCK: Final = 1 << 20
"""Bytes that are read at once."""
_LINE_END: Final = ord("\n")


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
            ends = numpy.flatnonzero(numpy.frombuffer(read, numpy.uint8) == _LINE_END)
            if not len(ends):
                rest = read
                continue
            until = bisect_left(numbers, before + len(ends) + 1, lo=place)
            _copy(read, ends, numbers[place:until], out, before=before, separator=end)
            before, place, rest = before + len(ends), until, read[int(ends[-1]) + 1 :]
        if rest:
            _copy(rest, numpy.array([len(rest)]), numbers[place:], out, before=before, separator=end)
    return before + bool(rest)


def without(path: Path, numbers: Sequence[int], into: Path, *, block: int = BLOCK) -> None:
    """Write a file without some of its lines, by their numbers in order, from 1. Whoever asks knows that each row is one line."""
    into.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    before, rest, place = 0, b"", 0
    with opened(path) as stream, into.open("wb") as out:
        while read := stream.read(block):
            read = rest + read
            ends = numpy.flatnonzero(numpy.frombuffer(read, numpy.uint8) == _LINE_END) + 1
            until = bisect_left(numbers, before + len(ends) + 1, lo=place)
            starts = numpy.concatenate(([0], ends))
            written = 0
            for number in numbers[place:until]:
                out.write(read[written : int(starts[number - before - 1])])
                written = int(starts[number - before])
            out.write(read[written : int(starts[-1])])
            before, place, rest = before + len(ends), until, read[int(starts[-1]) :]
        if rest and before + 1 not in numbers[place:]:
            out.write(rest)


def _copy(
    read: bytes,
    ends: numpy.typing.NDArray[numpy.int64],
    numbers: Sequence[int],
    out: BinaryIO,
    *,
    before: int,
    separator: bytes,
) -> None:
    """Lines of what was read, by their ends; the very first is the header. `before`: how many came before."""

    def line(place: int) -> bytes:
        return read[int(ends[place - 1]) + 1 if place else 0 : int(ends[place])].rstrip(b"\r")

    if before == 0:
        out.write(NUMBER.encode() + separator + line(0) + b"\n")
    for number in numbers:
        out.write(b"%d%s%s\n" % (number, separator, line(number - before - 1)))

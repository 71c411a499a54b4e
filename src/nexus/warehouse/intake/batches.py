"""Rows on their way through a check: some thousand at a time, by column, each with the line that it begins on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow

ROWS: Final = 8_192
"""Rows of one batch."""


@dataclass(frozen=True, slots=True)
class Batch:
    """`columns` are arrays of text of one length, null where the file says nothing; `lines` are as long."""

    lines: Sequence[int]
    columns: Mapping[str, pyarrow.Array]

    def __len__(self) -> int:
        return len(self.lines)

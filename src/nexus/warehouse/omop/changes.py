"""What a delivery changed: the rows of each person, as a multiset, beside those of the delivery before.

Of each table a hash of every row is kept, with the keys of its ties (`ties`, `lines`). The rows of a person have a
digest: the sum of their hashes, in two halves. Files may have been cut and sorted in another way; rows that are the same are the
same. Tables that are about nobody have one digest as a whole.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.engine import Engine
from nexus.warehouse.omop.source import SourceTable
from nexus.warehouse.omop.ties import TIES

LINES: Final = {"line": "int64", **dict.fromkeys(TIES, "int64"), "file": "int32", "number": "int64"}
"""Each row by its hash; the keys of its ties, or NULL; in which file of its table, from 0, and in which line of it."""
AFFECTED: Final = {"person": "int64"}
"""Persons who changed, by key; and all else by which their rows are tied."""
_HALF: Final = 32
_NOBODY: Final = -1
"""In the place of a key, where a table is about nobody: keys are not negative."""


@dataclass(frozen=True, slots=True)
class Only:
    """Whose rows a refresh reads. `path`: where an engine reads by which ties (`AFFECTED`)."""

    path: Path

    def those(self, engine: Engine, table: SourceTable) -> Callable[[ir.Table], ir.Table]:
        """What leaves of rows those with one of these ties, and those with none; all of a table that is about nobody."""
        if not table.tied:
            return lambda rows: rows
        read = engine.read("read", [self.path], AFFECTED)

        def chosen(rows: ir.Table) -> ir.Table:
            keys = [tie.key(rows) for tie in table.tied]
            return rows.filter(
                ibis.or_(ibis.and_(*(key.isnull() for key in keys)), *(key.isin(read.person) for key in keys))
            )

        return chosen


def digests(lines: ir.Table, *, personal: bool) -> ir.Table:
    """One row for the first tie of rows, or one for a table that is about nobody. Rows without a tie are in no digest."""
    first = ibis.coalesce(*(lines[tie] for tie in TIES)) if personal else ibis.literal(_NOBODY, "int64")
    lines = lines.mutate(person=first)
    lines = lines.filter(lines.person.notnull())
    return lines.group_by("person").aggregate(
        low=(lines.line & ((1 << _HALF) - 1)).sum().cast("string"),
        high=(lines.line >> _HALF).sum().cast("string"),
        rows=lines.count().cast("int64"),
    )


def differing(before: ir.Table, now: ir.Table) -> ir.Table:
    """Ties whose digest differs, or is in one of the two only."""
    both = before.union(now)
    counted = both.group_by(list(both.columns)).aggregate(times=both.count())
    return counted.filter(counted.times == 1).select("person").distinct()

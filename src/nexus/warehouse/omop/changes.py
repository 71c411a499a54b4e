"""What a delivery changed: the rows of each person, as a multiset, beside those of the delivery before.

Of each table a hash of every row is kept, with the keys of its ties (`ties`, `lines`). The rows of a person have a
digest: the sum of their hashes, in two halves. Files may have been cut and sorted in another way; rows that are the same are the
same. Tables that are about nobody have one digest as a whole.
"""

# ruff: noqa: S608 - statements are put together from names of columns, and from tables that are called by whoever asks

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


def differing(before: str, now: str, *, personal: bool) -> str:
    """The first ties of rows whose digest differs, or is in one of the two only; `before`, `now`: tables of LINES, in SQL.

    Of a table that is about nobody, one row if anything differs. Rows without a tie are in no digest.
    """
    person = f"coalesce({', '.join(TIES)})" if personal else str(_NOBODY)
    sides = ((now, 1), (before, -1))
    both = " UNION ALL ".join(f"SELECT {person} AS person, line, {sign} AS sign FROM {rows}" for rows, sign in sides)
    low, high = f"sum(sign * (line & {(1 << _HALF) - 1}))", f"sum(sign * (line >> {_HALF}))"
    return (
        f"SELECT person FROM ({both}) WHERE person IS NOT NULL GROUP BY person"
        f" HAVING sum(sign) <> 0 OR {low} <> 0 OR {high} <> 0"
    )

"""What a delivery changed: the rows of each person, as a multiset, beside those of the delivery before.

Of each table a hash of every row is kept, with the key of the person whom it is about (`lines`). The rows of a person have a
digest: the sum of their hashes, in two halves. Files may have been cut and sorted in another way; rows that are the same are the
same. Tables that are about nobody have one digest as a whole.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.engine import Engine
from nexus.warehouse.omop.keys import natural, nexus_key

LINES: Final = {"line": "int64", "person": "int64", "file": "int32", "number": "int64"}
"""Each row by its hash; whom it is about (NULL: nobody); in which file of its table, from 0, and in which line of it."""
AFFECTED: Final = {"person": "int64"}
_HALF: Final = 32
_NOBODY: Final = -1
"""In the place of a key, where a table is about nobody: keys are not negative."""


@dataclass(frozen=True, slots=True)
class Only:
    """Persons whose rows a refresh reads. `path`: where an engine reads who they are, by their keys."""

    path: Path

    def rows(self, engine: Engine, rows: ir.Table, person: str) -> ir.Table:
        """Rows about them, and those that name nobody; all of a table that is about nobody."""
        if not person:
            return rows
        affected = engine.read("affected", [self.path], AFFECTED)
        return rows.filter(rows[person].isnull() | nexus_key(natural("person", rows[person])).isin(affected.person))


def digests(lines: ir.Table, *, personal: bool) -> ir.Table:
    """One row a person, or one for a table that is about nobody. Rows of a personal table that name nobody are not in it."""
    lines = lines.filter(lines.person.notnull()) if personal else lines.mutate(person=ibis.literal(_NOBODY, "int64"))
    return lines.group_by("person").aggregate(
        low=(lines.line & ((1 << _HALF) - 1)).sum().cast("string"),
        high=(lines.line >> _HALF).sum().cast("string"),
        rows=lines.count().cast("int64"),
    )


def differing(before: ir.Table, now: ir.Table) -> ir.Table:
    """Persons whose digest differs, or is in one of the two only."""
    both = before.union(now)
    counted = both.group_by(list(both.columns)).aggregate(times=both.count())
    return counted.filter(counted.times == 1).select("person").distinct()

"""What a delivery changed: the rows of each person, as a multiset, beside those of the delivery before.

Of each table, each person's rows have a digest: the sum of a keyed hash of every row, in two halves. Files may have been cut and
sorted in another way; rows that are the same are the same. Tables that are about nobody have one digest as a whole. A person
is the key that she has in the CDM: what is remembered of a delivery holds no name of anybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.engine import Engine
from nexus.warehouse.omop.keys import SEPARATOR, key, nexus_key

DIGESTS: Final = {"person": "int64", "low": "string", "high": "string", "rows": "int64"}
"""Sums as text: engines do not agree how wide a sum is."""
AFFECTED: Final = {"person": "int64"}
_NULL: Final = "\x1e"
"""Stands for a field that is not there, so that it differs from an empty one and moves nothing."""
_HALF: Final = 32
NOBODY: Final = 0


@dataclass(frozen=True, slots=True)
class Only:
    """Persons whose rows a refresh reads. `path`: where an engine reads who they are."""

    path: Path

    def rows(self, engine: Engine, rows: ir.Table, person: str) -> ir.Table:
        """Rows about them, and those that name nobody; all of a table that is about nobody."""
        if not person:
            return rows
        affected = engine.read("affected", [self.path], AFFECTED)
        return rows.filter(rows[person].isnull() | key("person", rows[person]).isin(affected.person))


def digests(rows: ir.Table, columns: Sequence[str], person: str) -> ir.Table:
    """One row a person; one with the key 0 for a table that is about nobody. Rows that name nobody are not in it."""
    parts = (ibis.coalesce(rows[column], _NULL) for column in columns)
    text = reduce(lambda one, other: one + SEPARATOR + other, parts)
    hashed = rows.select(person=rows[person] if person else ibis.literal(""), hash=nexus_key(text))
    hashed = hashed.filter(hashed.person.notnull())
    summed = hashed.group_by("person").aggregate(
        low=(hashed.hash & ((1 << _HALF) - 1)).sum().cast("string"),
        high=(hashed.hash >> _HALF).sum().cast("string"),
        rows=hashed.count(),
    )
    named = key("person", summed.person) if person else ibis.literal(NOBODY).cast("int64")
    return summed.mutate(person=named)


def differing(before: ir.Table, now: ir.Table) -> ir.Table:
    """Persons whose digest differs, or is in one of the two only."""
    both = before.select(*DIGESTS).union(now.select(*DIGESTS))
    counted = both.group_by(list(DIGESTS)).aggregate(times=both.count())
    return counted.filter(counted.times == 1).select("person").distinct()

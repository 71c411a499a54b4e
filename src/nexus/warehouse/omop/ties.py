"""Ties: the names by which a row belongs to somebody, and to other rows, where it does not name its person itself.

A claim's details name the claim's line, the line names an insured, the register says who that is. A row has one tie for each such name.
Rows that share a tie hang together; what hangs together is converted together. So nobody need be told apart who shares a number: a
refresh takes all of them. Which rows hang together is found by `following`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import ibis.expr.types as ir

from nexus.warehouse.omop.keys import SEPARATOR, nexus_link, reference

PERSON: Final = "person"
"""The kind of a tie that a mapping could call a person: its key is that person's key."""
TIES: Final = ("tie_0", "tie_1", "tie_2")
"""Columns for the keys of a row's ties: as many as a row may have."""


@dataclass(frozen=True, slots=True)
class Tie:
    """`name`: what a row calls it, NULL where it calls nothing so.

    A row whose ties are all of another kind than PERSON belongs to whom a row with the same tie, and one of PERSON, belongs to.
    """

    kind: str
    name: Callable[[ir.Table], ir.StringValue]

    def key(self, rows: ir.Table) -> ir.IntegerColumn:
        """63 bits, or NULL."""
        name = self.name(rows)
        return reference(PERSON, name) if self.kind == PERSON else nexus_link(self.kind + SEPARATOR + name)

    def in_sql(self, name: str, person: str) -> str:
        """The same in SQL. `person`: where the key of a person is looked up, since many rows name one."""
        return person if self.kind == PERSON else f"nexus_link('{self.kind}{SEPARATOR}' || {name})"


def column(name: str) -> Tie:
    """The person whom a column names."""
    return Tie(PERSON, lambda rows: rows[name])

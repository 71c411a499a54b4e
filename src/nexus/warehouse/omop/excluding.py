"""Persons who have objected: none of their rows is read, so that they stand in no table, no provenance and no quarantine.

Rows are told by the column that names the person (`SourceTable.person`). Where a table has none, its rows find no person and
stand in quarantine as those of an unknown person.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.engine import Engine, Named
from nexus.warehouse.omop.keys import key, natural
from nexus.warehouse.omop.layout import write_rows
from nexus.warehouse.omop.problems import Reason
from nexus.warehouse.omop.source import NATURAL, REASON

_NAMES: Final = {"excluded": "string"}


@dataclass(frozen=True, slots=True)
class NoOne:
    """Nobody is excluded."""

    def persons(self) -> Iterable[str]:
        return ()


@dataclass(frozen=True, slots=True)
class Exclusion:
    """The persons who are excluded from one conversion. `path`: where an engine reads who they are."""

    path: Path
    names: tuple[str, ...] = field(repr=False)

    @property
    def digest(self) -> str:
        """Tells two sets of persons apart, and neither who they are."""
        return hashlib.sha256("\x1f".join(self.names).encode()).hexdigest()

    def write(self) -> None:
        if self.names:
            write_rows(self.path, _NAMES, [(name,) for name in self.names])

    def concerns(self, person: str) -> bool:
        """Whether rows of a table can be those of somebody who is excluded. `person`: its column, if one names the person."""
        return bool(self.names and person)

    def without(self, engine: Engine, person: str) -> Callable[[ir.Table], ir.Table]:
        """What leaves of rows those that are about nobody who is excluded; all of them if no column names a person."""
        if not self.concerns(person):
            return lambda rows: rows
        excluded = self._table(engine)
        return lambda rows: rows.anti_join(excluded, rows[person] == excluded.excluded).select(*rows.columns)

    def marking(self, engine: Engine) -> Callable[[ir.Table], ir.Table]:
        """Of what a mapping of persons gives, those who are excluded cannot be used: for tables without a column."""
        if not self.names:
            return lambda persons: persons
        excluded = self._table(engine)

        def marked(persons: ir.Table) -> ir.Table:
            names = excluded.select(_excluded=natural("person", excluded.excluded))
            joined = persons.left_join(names, persons[NATURAL] == names._excluded)
            reason = ibis.ifelse(joined._excluded.notnull(), Reason.OBJECTED.value, ibis.null("string"))
            return joined.mutate(**{REASON: ibis.coalesce(joined[REASON], reason)}).drop("_excluded")

        return marked

    def keys(self, engine: Engine) -> Named:
        """By key, as `person`."""
        excluded = self._table(engine)
        return Named("excluded by key", lambda: excluded.select(person=key("person", excluded.excluded)).distinct())

    def _table(self, engine: Engine) -> ir.Table:
        return engine.read("excluded", [self.path] if self.names else [], _NAMES)

"""What changes say by keys: which rows are removed, and which are told. Which columns are a key, the source says."""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import pyarrow.compute as pc

from nexus.warehouse.intake.agreement import REMOVED, REMOVED_COLUMNS, Table
from nexus.warehouse.intake.batches import Batch
from nexus.warehouse.intake.report import Fault, Problem, Sightings, faulty

MAX_REMOVED: Final = 1_000_000
"""Keys that one delivery removes: they are held in memory while its other files are read."""
PARTS: Final = "/"
"""Divides the parts of a key in a file of removals."""
_NO_TABLE: Final = "no agreed table of this name has keys by which rows could be removed"
_NO_KEY: Final = "this is no key of its table: as many parts as that has, with / between"
_BOTH: Final = "the same delivery removes this key: tell it, or remove it"


class Looking(Protocol):
    """What is looked for in the rows of one file of changes."""

    def look_at(self, batch: Batch) -> None:
        """The next rows."""

    def problems(self) -> tuple[Problem, ...]:
        """One for each kind, at its first line."""


class Removals:
    """Of one delivery. Its files of removals are looked at before all others."""

    def __init__(self, keys: Mapping[str, Sequence[str]]) -> None:
        """`keys`: by agreed table, the columns of its key, as the agreement writes them; none where it has no key."""
        self._keys = {name.lower(): columns for name, columns in keys.items()}
        self._removed: dict[str, set[str]] = {}

    def of(self, table: Table) -> Looking:
        """For a file of this table."""
        name = table.name.lower()
        if name == REMOVED:
            return _Removed(table, self._keys, self._removed)
        return _Told(self._keys.get(name, ()), self._removed.get(name, set()))


class _Removed:
    def __init__(self, table: Table, keys: Mapping[str, Sequence[str]], removed: dict[str, set[str]]) -> None:
        named = {column.name.lower(): column.name for column in table.columns}
        self._table, self._key = (named[name] for name in REMOVED_COLUMNS)
        self._parts = {name: len(columns) for name, columns in keys.items() if columns}
        self._removed = removed
        self._seen: dict[tuple[str, str], Sightings] = {}

    def look_at(self, batch: Batch) -> None:
        tables, keys = (batch.columns[name].to_pylist() for name in (self._table, self._key))
        for line, table, key in zip(batch.lines, tables, keys, strict=True):
            name, written = (table or "").strip().lower(), (key or "").strip()
            parts = self._parts.get(name)
            if parts is None:
                self._note(self._table, _NO_TABLE, line)
            elif not written or (parts > 1 and len(written.split(PARTS)) != parts):
                self._note(self._key, _NO_KEY, line)
            else:
                self._removed.setdefault(name, set()).add(written)
        if sum(map(len, self._removed.values())) > MAX_REMOVED:
            raise faulty(Fault.REMOVED, f"changes remove at most {MAX_REMOVED:,} rows: deliver everything")

    def problems(self) -> tuple[Problem, ...]:
        return tuple(_problem(hint, column, seen) for (column, hint), seen in self._seen.items())

    def _note(self, column: str, hint: str, line: int) -> None:
        self._seen.setdefault((column, hint), Sightings()).add(line)


class _Told:
    def __init__(self, key: Sequence[str], removed: set[str]) -> None:
        self._key, self._removed, self._seen = key, removed if key else set(), Sightings()

    def look_at(self, batch: Batch) -> None:
        if not self._removed:
            return
        parts = [pc.utf8_trim_whitespace(batch.columns[name]) for name in self._key]
        joined = pc.binary_join_element_wise(*parts, PARTS)
        for line, key in zip(batch.lines, joined.to_pylist(), strict=True):
            if key in self._removed:
                self._seen.add(line)

    def problems(self) -> tuple[Problem, ...]:
        return (_problem(_BOTH, self._key[0], self._seen),) if self._seen.count else ()


def _problem(hint: str, column: str, seen: Sightings) -> Problem:
    told = hint if seen.count == 1 else f"{hint} ({seen.count:,} rows)"
    return Problem(fault=Fault.REMOVED, line=seen.lines[0], column=column, hint=told)

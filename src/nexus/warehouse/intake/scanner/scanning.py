"""The scanner over batches: an engine finds the cells worth a look, rules look at those."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import pyarrow
import pyarrow.compute as pc

from nexus.warehouse.intake.agreement import ClearKind, Column, IdentifierKind
from nexus.warehouse.intake.report import SHOWN_LINES, Finding, Sightings
from nexus.warehouse.intake.scanner import contacts, names, numbers
from nexus.warehouse.intake.scanner.columns import Shares
from nexus.warehouse.intake.scanner.patients import Patients, normal, rows_where

REMEMBERED: Final = 1 << 16
"""Short cells whose verdict a column remembers."""
_CONTACTS: Final = (
    (ClearKind.EMAIL, contacts.EMAIL_CANDIDATE, contacts.EMAIL),
    (ClearKind.ADDRESS, contacts.ADDRESS_CANDIDATE, contacts.ADDRESS),
    (ClearKind.BIRTH_DATE, contacts.BORN_CANDIDATE, contacts.BORN),
)


class _ColumnState:
    """What was seen in one column so far."""

    def __init__(self, harmless: frozenset[ClearKind], shown: int) -> None:
        self.harmless = harmless
        self.shown = shown
        self.seen: dict[ClearKind, Sightings] = {}
        self.shares = Shares(shown)
        self.listed: dict[str, bool] = {}

    def note(self, kind: ClearKind, line: int, count: int = 1) -> None:
        """`count` of a kind on a line."""
        if kind not in self.harmless and count:
            self.seen.setdefault(kind, Sightings(self.shown)).add_all((line,), count)


class Scanner:
    """Of one file."""

    def __init__(self, file: str, columns: Sequence[Column], *, shown: int = SHOWN_LINES) -> None:
        """`columns`: those that were agreed; whatever else is looked at is undeclared. `shown`: lines in a finding."""
        self._shown = shown
        self._file = file
        self._declared = {column.name: column.identifier for column in columns if column.identifier is not None}
        self._harmless = {column.name: frozenset(column.harmless) for column in columns}
        self._columns: dict[str, _ColumnState] = {}

    @property
    def declared(self) -> Mapping[str, IdentifierKind]:
        """Columns that may hold identifiers, and of which kind."""
        return self._declared

    def look_at(
        self, column: str, values: pyarrow.Array, lines: Sequence[int], patients: Patients | None = None
    ) -> None:
        """The cells of an undeclared column, each on its line; `patients`: whom each row is about."""
        state = self._columns.get(column)
        if state is None:
            state = _ColumnState(self._harmless.get(column, frozenset()), self._shown)
            self._columns[column] = state
        _numbers(state, values, lines)
        _contacts(state, values, lines)
        _names(state, values, lines)
        if patients is not None:
            _copies(state, values, lines, patients)

    def findings(self) -> tuple[Finding, ...]:
        """Everything that was found, once all has been looked at."""
        return tuple(
            Finding(kind=kind, file=self._file, column=name, count=seen.count, lines=tuple(sorted({*seen.lines})))
            for name, state in self._columns.items()
            for kind, seen in _decided(state)
        )


def _numbers(state: _ColumnState, values: pyarrow.Array, lines: Sequence[int]) -> None:
    for row, cell in _hits(values, numbers.CANDIDATE):
        text = cell.strip()
        if numbers.is_decimal(text):
            continue
        if not numbers.is_bare(text):
            state.note(ClearKind.NIR, lines[row], numbers.nirs_in(text))
            state.note(ClearKind.PHONE, lines[row], numbers.phones_in(text))
            continue
        for lengths, shares, alike in (
            (numbers.NIR_LENGTHS, state.shares.nir, numbers.looks_like_nir),
            (numbers.PHONE_LENGTHS, state.shares.phone, numbers.looks_like_phone),
        ):
            if len(text) in lengths:
                shares[len(text)].look_at(alike(text), lines[row])


def _contacts(state: _ColumnState, values: pyarrow.Array, lines: Sequence[int]) -> None:
    for kind, candidate, pattern in _CONTACTS:
        for row, cell in _hits(values, candidate):
            state.note(kind, lines[row], sum(1 for _ in pattern.finditer(cell)))


def _names(state: _ColumnState, values: pyarrow.Array, lines: Sequence[int]) -> None:
    """Short cells are judged with their column; in longer ones a name is one."""
    for row, cell in _hits(values, names.SHORT_CANDIDATE):
        known = state.listed.get(cell)
        if known is None:
            known = names.is_listed(cell)
            if len(state.listed) < REMEMBERED:
                state.listed[cell] = known
        state.shares.name.look_at(known, lines[row])
    for row, cell in _hits(values, names.TEXT_CANDIDATE):
        state.note(ClearKind.NAME, lines[row], names.titled(cell) + names.paired(cell))


def _copies(state: _ColumnState, values: pyarrow.Array, lines: Sequence[int], patients: Patients) -> None:
    """What the row itself says of its patient, in another column of it."""
    filled = len(values) - values.null_count
    state.shares.copy.looked_at += filled
    state.shares.birth.looked_at += filled
    rows = zip(values.to_pylist(), normal(values).to_pylist(), patients.family, patients.copies, strict=True)
    for row, (cell, shouted, family, copies) in enumerate(rows):
        if cell is None:
            continue
        for copy in copies:
            if copy in cell:
                _copied(state, cell, copy, lines[row], ClearKind.COPY)
        for name in family:
            if name in shouted:
                if shouted.strip() == name:
                    state.shares.copy.alike.add(lines[row])
                elif " " in cell and names.own(cell, family, patients.given[row]):
                    state.note(ClearKind.NAME, lines[row])
                break
    for row, cell in _hits(values, contacts.DAY_CANDIDATE):
        written = next((each for each in patients.born[row] if each in cell), None)
        if written is not None:
            _copied(state, cell, written, lines[row], ClearKind.BIRTH_DATE)


def _copied(state: _ColumnState, cell: str, copy: str, line: int, kind: ClearKind) -> None:
    """A cell that is the copy counts with its column; one that holds it among words is one."""
    if cell.strip() == copy:
        share = state.shares.copy if kind is ClearKind.COPY else state.shares.birth
        share.alike.add(line)
    elif " " in cell.strip():
        state.note(kind, line)


def _hits(values: pyarrow.Array, candidate: str) -> Iterator[tuple[int, str]]:
    """(row, cell) of the cells that an engine cannot rule out."""
    rows = [*rows_where(pc.match_substring_regex(values, candidate))]
    if rows:
        yield from zip(rows, values.take(pyarrow.array(rows, pyarrow.int64())).to_pylist(), strict=True)


def _decided(state: _ColumnState) -> Iterator[tuple[ClearKind, Sightings]]:
    """What was found one by one, and what the shares of the column say; together where both do."""
    found = {kind: [seen] for kind, seen in state.seen.items()}
    shares = state.shares
    for kind, of_kind in (
        (ClearKind.NIR, shares.nir.values()),
        (ClearKind.PHONE, shares.phone.values()),
        (ClearKind.NAME, (shares.name,)),
        (ClearKind.COPY, (shares.copy,)),
        (ClearKind.BIRTH_DATE, (shares.birth,)),
    ):
        if kind not in state.harmless:
            decided = [seen for share in of_kind if (seen := share.found()) is not None]
            found.setdefault(kind, []).extend(decided)
    for kind, sightings in found.items():
        if sightings:
            together = Sightings(state.shown)
            for seen in sightings:
                together.add_all(seen.lines, seen.count)
            yield kind, together

"""Whether values are what their columns say, and make sense in time: a flag for each row that cannot be used."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

import pyarrow
import pyarrow.compute as pc

from nexus.warehouse.intake.agreement import Column, ColumnType, IdentifierKind, Table
from nexus.warehouse.intake.batches import Batch
from nexus.warehouse.intake.report import Flag, FlagReason, Sightings

LONG_AGO: Final = date(1875, 1, 1).toordinal()
"""Before the birth of the oldest person whose age was ever proved."""
MAX_REMEMBERED_DAYS: Final = 200_000
"""Different days that are parsed once: five hundred years and some mistakes."""

_FORMS: Final[Mapping[ColumnType, tuple[str, FlagReason]]] = {
    ColumnType.CODE: (r"^\S{1,64}$", FlagReason.NOT_A_CODE),
    ColumnType.INTEGER: (r"^[+-]?[0-9]{1,18}$", FlagReason.NOT_A_NUMBER),
    ColumnType.BOOLEAN: (r"^(?i:0|1|true|false)$", FlagReason.NOT_A_BOOLEAN),
}
_POINT: Final = r"^[+-]?[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?$"
_COMMA: Final = r"^[+-]?[0-9]{1,30}(,[0-9]{1,30})?$"
_TIME: Final = re.compile(r"([01]\d|2[0-4]):[0-5]\d(:[0-6]\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?")
_TIMED: Final = (ColumnType.DATE, ColumnType.TIMESTAMP)


class Values:
    """The values of one table in one file."""

    def __init__(self, file: str, table: Table, today: date) -> None:
        self._file = file
        self._table = table
        self._today = today.toordinal()
        self._seen: dict[tuple[FlagReason, str], Sightings] = {}
        self._days: dict[str, int] = {}
        self._birth = next((c.name for c in table.columns if c.identifier is IdentifierKind.BIRTH_DATE), None)
        self.unusable = 0
        """Rows with a flag."""

    def look_at(self, batch: Batch) -> dict[str, pyarrow.Array]:
        """Check a batch. Returns, by column, a mask of the values that are not what the column says (for the scanner)."""
        broken: dict[str, pyarrow.Array] = {}
        unusable: pyarrow.Array | None = None
        days = {column.name: self._ordinals(column, batch) for column in self._table.columns if column.type in _TIMED}
        births = days.get(self._birth or "")
        for column in self._table.columns:
            values = batch.columns[column.name]
            wrong = self._wrong(column, values, days.get(column.name))
            broken[column.name] = wrong[0]
            masks = [wrong, *self._untimely(column, days.get(column.name), births)]
            if column.filled:
                masks.append((pc.is_null(values), FlagReason.NOT_FILLED))
            for mask, reason in masks:
                if (count := pc.sum(mask).as_py() or 0) > 0:
                    self._note(reason, column.name, mask, count, batch.lines)
                    unusable = mask if unusable is None else pc.or_(unusable, mask)
        if unusable is not None:
            self.unusable += pc.sum(unusable).as_py()
        return broken

    def flags(self) -> tuple[Flag, ...]:
        """What was found, in the order of columns."""
        return tuple(
            Flag(reason=reason, file=self._file, column=column, count=seen.count, lines=tuple(seen.lines))
            for (reason, column), seen in self._seen.items()
        )

    def _wrong(
        self, column: Column, values: pyarrow.Array, ordinals: pyarrow.Array | None
    ) -> tuple[pyarrow.Array, FlagReason]:
        if ordinals is not None:
            return pc.and_(pc.is_valid(values), pc.is_null(ordinals)), FlagReason.NOT_A_DATE
        if column.type is ColumnType.TEXT:
            return _never(len(values)), FlagReason.NOT_A_CODE
        if column.type is ColumnType.DECIMAL:
            form, reason = (_COMMA if self._table.decimal_comma else _POINT), FlagReason.NOT_A_NUMBER
        else:
            form, reason = _FORMS[column.type]
        return _filled(pc.invert(pc.match_substring_regex(values, form))), reason

    def _untimely(
        self, column: Column, ordinals: pyarrow.Array | None, births: pyarrow.Array | None
    ) -> list[tuple[pyarrow.Array, FlagReason]]:
        if ordinals is None:
            return []
        found = [
            (_filled(pc.greater(ordinals, self._today + 1)), FlagReason.IN_THE_FUTURE),
            (_filled(pc.less(ordinals, LONG_AGO)), FlagReason.LONG_AGO),
        ]
        if births is not None and column.name != self._birth:
            found.append((_filled(pc.less(ordinals, births)), FlagReason.BEFORE_BIRTH))
        return found

    def _ordinals(self, column: Column, batch: Batch) -> pyarrow.Array:
        """Days, counted from the year 1; null where there is none, or where it is none."""
        encoded = batch.columns[column.name].dictionary_encode()
        days = [self._day(text, timed=column.type is ColumnType.TIMESTAMP) for text in encoded.dictionary.to_pylist()]
        return pc.take(pyarrow.array(days, pyarrow.int32()), encoded.indices)

    def _day(self, text: str, *, timed: bool) -> int | None:
        if timed:
            day, time = _split(text)
            if time is not None and _TIME.fullmatch(time) is None:
                return None
            text = day
        known = self._days.get(text)
        if known is None:
            known = self._parsed(text)
            if len(self._days) < MAX_REMEMBERED_DAYS:
                self._days[text] = known
        return known or None

    def _parsed(self, text: str) -> int:
        """0 if it is no day. `strptime` alone takes `2024-1-5` for a day of four digits and two."""
        try:
            day = datetime.strptime(text, self._table.date_format)
        except ValueError:
            return 0
        return day.toordinal() if day.strftime(self._table.date_format) == text or day.year < 1_000 else 0

    def _note(self, reason: FlagReason, column: str, mask: pyarrow.Array, count: int, lines: Sequence[int]) -> None:
        seen = self._seen.setdefault((reason, column), Sightings())
        if len(seen.lines) < seen.shown:
            rows: Any = pc.indices_nonzero(mask).slice(0, seen.shown).to_pylist()
            seen.add_all((lines[row] for row in rows), count)
        else:
            seen.count += count


def _split(text: str) -> tuple[str, str | None]:
    """A moment as its day and its time; a day alone is a moment without one."""
    for mark in ("T", " "):
        day, found, time = text.partition(mark)
        if found:
            return day, time
    return text, None


def _filled(mask: pyarrow.Array) -> pyarrow.Array:
    return pc.fill_null(mask, False)


def _never(rows: int) -> pyarrow.Array:
    return pyarrow.repeat(pyarrow.scalar(False), rows)

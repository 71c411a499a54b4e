"""Whom the rows of a batch are about, by their declared columns: by column, so that a row costs next to nothing."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar

import pyarrow
import pyarrow.compute as pc

from nexus.warehouse.intake.agreement import IdentifierKind
from nexus.warehouse.intake.scanner import contacts
from nexus.warehouse.intake.scanner.words import SHORTEST_NAME, plain, words

SHORTEST_COPY: Final = 6
"""Characters of a declared identifier that is looked for in other columns; shorter ones are anywhere by chance."""
_COPIED: Final = (IdentifierKind.NIR, IdentifierKind.LOCAL, IdentifierKind.EMAIL, IdentifierKind.PHONE)
ReadDay = Callable[[str], date | None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, repr=False)
class Patients:
    """One place in each list for each row; an empty tuple where the row says nothing. Never printed, never kept."""

    family: Sequence[tuple[str, ...]]
    """As names are compared: the whole, and each part of 3 letters and more."""
    given: Sequence[tuple[str, ...]]
    born: Sequence[tuple[str, ...]]
    """The date, in every spelling."""
    copies: Sequence[tuple[str, ...]]
    """Other identifiers, as written."""

    def at(self, places: Sequence[int]) -> "Patients":
        """The same for other rows: those of the patients at these places."""
        lists = (self.family, self.given, self.born, self.copies)
        return Patients(*([values[place] for place in places] for values in lists))


def of_batch(
    declared: Mapping[str, IdentifierKind], columns: Mapping[str, pyarrow.Array], read_day: ReadDay
) -> Patients | None:
    """Raises nothing: what cannot be read says nothing. None if nothing is declared."""
    present = {name: kind for name, kind in declared.items() if name in columns}
    if not present:
        return None

    def of(kinds: tuple[IdentifierKind, ...], read: Callable[[str], tuple[str, ...]]) -> Sequence[tuple[str, ...]]:
        found = [_each(columns[name], read) for name, kind in present.items() if kind in kinds]
        rows = len(next(iter(columns.values())))
        return [()] * rows if not found else _joined(found)

    return Patients(
        family=of((IdentifierKind.FAMILY_NAME,), _names),
        given=of((IdentifierKind.GIVEN_NAME,), _names),
        born=of((IdentifierKind.BIRTH_DATE,), lambda text: _spelt(text, read_day)),
        copies=of(_COPIED, lambda text: (text,) if len(text) >= SHORTEST_COPY else ()),
    )


def normal(values: pyarrow.Array) -> pyarrow.Array:
    """Texts as names are compared, their spaces kept: capitals without accents, hyphens and apostrophes."""
    split = pc.utf8_normalize(pc.utf8_upper(values), form="NFKD")
    return pc.replace_substring_regex(split, pattern=r"[\p{M}'’\-]", replacement="")


def _each(values: pyarrow.Array, read: Callable[[str], tuple[str, ...]]) -> Sequence[tuple[str, ...]]:
    """What each cell says; equal cells are read once."""
    encoded = values.dictionary_encode()
    known = [read(text) for text in encoded.dictionary.to_pylist()]
    return [() if code is None else known[code] for code in encoded.indices.to_pylist()]


def _joined(found: Sequence[Sequence[tuple[str, ...]]]) -> Sequence[tuple[str, ...]]:
    if len(found) == 1:
        return found[0]
    return [tuple(part for parts in row for part in parts) for row in zip(*found, strict=True)]


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in (plain(text), *words(text)) if len(name) >= SHORTEST_NAME))


def _spelt(text: str, read_day: ReadDay) -> tuple[str, ...]:
    day = read_day(text)
    return () if day is None else tuple(contacts.spellings(day))


def rows_where(mask: pyarrow.Array) -> Iterator[int]:
    """The rows that a mask marks."""
    yield from pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist()

"""Changes composed with what they follow: which rows of a provider's deliveries still stand.

A row stands unless a later delivery tells or removes its key, or the key of what it belongs to, or, where it has no key, tells it
again word for word: the rules of `omop.accumulating`. So nothing must be known but what changes say by key. Every file is read
as a stream, as it was delivered, and rows that do not stand are left out on the way: no delivery is written whole.

It is held in memory, for keys are what a site calls its patients and stays.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from nexus.warehouse.building import fhir_reading, reading
from nexus.warehouse.building.form import TABULAR
from nexus.warehouse.building.model import Extract, File
from nexus.warehouse.building.ports import Contents
from nexus.warehouse.intake.agreement import REMOVED_COLUMNS
from nexus.warehouse.omop.delivery import MARK, mark_of
from nexus.warehouse.omop.source import LINE, SourceTable

_DIVIDER: Final = "/"
_NEXT_FIELD, _NO_VALUE = "\x1f", "\x1e"
Named = tuple[str, str]
"""A table of the source, and what names of files tell of its rows (MARK)."""
Key = tuple[Named, str]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a file that stand. `read`: how many were read for them. `gone`: keys of those that were removed."""

    batch: pa.RecordBatch
    read: int
    gone: Collection[Key] = ()


class Told:
    """By what it names, the place in the chain of the last delivery that touched it."""

    def __init__(self) -> None:
        self._links: dict[str, int] = {}
        self.newest = 0
        """The last delivery that touched anything."""

    def add(self, texts: Iterable[str], link: int) -> None:
        """Deliveries are added in the order of the chain."""
        for text in texts:
            self._links[text] = self.newest = link

    def link(self, text: str | None) -> int:
        """0 if nothing touched it."""
        return 0 if text is None else self._links.get(text, 0)


@dataclass(frozen=True, slots=True)
class _Question:
    """Whether rows stand: what is known of these columns. `own`: they are the key of the rows themselves."""

    told: Told
    columns: Sequence[str]
    own: bool = False
    words: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Standing:
    """Of one provider. What changes told or removed, by table."""

    keys: Mapping[Named, Told] = field(default_factory=dict)
    words: Mapping[Named, Told] = field(default_factory=dict)
    """Of rows without a key, all that they say."""
    removed: Mapping[Key, int] = field(default_factory=dict)
    """Keys of removals, and the last delivery that removed them."""

    def may_lose(self, extract: Extract, file: File) -> bool:
        """Whether a later delivery says something of the tables that rows of this file are of, or belong to."""
        return bool(self._questions(extract, file))

    def rows(self, contents: Contents, extract: Extract, file: File, wanted: Collection[str]) -> Iterator[Rows]:
        """Those of a file that stand: columns of `wanted` that there are and, if it may have lost some, their LINE, from 1."""
        questions = self._questions(extract, file)
        if not questions:
            for batch in reading.batches(contents, extract, file, wanted):
                yield Rows(batch, batch.num_rows)
            return
        more = {name for question in questions for name in question.columns}
        named, line = _named(extract, file, file.of[0]), 1
        for batch in reading.batches(contents, extract, file, {*wanted, *more}):
            stands, gone = [True] * batch.num_rows, set[Key]()
            for question in questions:
                texts = _texts(batch, question.columns, words=question.words)
                links = [question.told.link(text) for text in texts]
                stands = [so_far and link <= file.link for so_far, link in zip(stands, links, strict=True)]
                if question.own and self.removed:
                    gone |= {key for text in texts if self.removed.get(key := (named, text), 0) > file.link}
            lines = pa.array(range(line, line + batch.num_rows), pa.int64())
            kept = batch.select([name for name in batch.schema.names if name in wanted]).append_column(LINE, lines)
            yield Rows(kept.filter(pa.array(stands, pa.bool_())), batch.num_rows, gone)
            line += batch.num_rows

    def _questions(self, extract: Extract, file: File) -> list[_Question]:
        """What later deliveries say of a file's table, and of what its rows belong to."""
        found = []
        for table in file.of if file.agreed.kind in TABULAR else ():
            named = _named(extract, file, table)
            if table.row and (told := self.keys.get(named)):
                found.append(_Question(told, table.row, own=True))
            if table.within and (told := self.keys.get((table.within[0], named[1]))):
                found.append(_Question(told, table.within[1]))
            if told := self.words.get(named):
                found.append(_Question(told, _said(table), words=True))
        return [question for question in found if question.told.newest > file.link]


EVERYTHING: Final = Standing()
"""Of who delivered no changes: every row stands."""


def people(standing: Standing, contents: Contents, extract: Extract, file: File) -> Iterator[pa.RecordBatch]:
    """Who is in a file of persons: the columns of the form that say who somebody is. Raises Damaged."""
    if file.agreed.kind not in TABULAR:
        yield from fhir_reading.people(contents, extract, file)
        return
    wanted = extract.form.of_people
    for rows in standing.rows(contents, extract, file, wanted):
        yield rows.batch.select([name for name in rows.batch.schema.names if name in wanted])


def compose(contents: Contents, extract: Extract) -> Standing:
    """Read what the changes of a provider say by key. Raises Damaged if a file is not what was accepted."""
    keys: defaultdict[Named, Told] = defaultdict(Told)
    words: defaultdict[Named, Told] = defaultdict(Told)
    removed: dict[Key, int] = {}
    for file in sorted(extract.files, key=lambda each: each.link):
        if file.link and file.removes:
            for named, key in _removals(contents, extract, file):
                keys[named].add([key], file.link)
                removed[named, key] = file.link
        for table in file.of if file.link else ():
            named = _named(extract, file, table)
            for batch in reading.batches(contents, extract, file, {*table.row, *_said(table)}):
                mine = _texts(batch, table.row) if table.row else [None] * batch.num_rows
                keys[named].add((key for key in mine if key is not None), file.link)
                if None in mine:
                    said = zip(mine, _texts(batch, _said(table), words=True), strict=True)
                    words[named].add((word for key, word in said if key is None), file.link)
    return Standing(keys, words, removed)


def _removals(contents: Contents, extract: Extract, file: File) -> Iterator[Key]:
    """What a file removes; intake has looked at its tables and keys."""
    prefix = extract.form.prefix
    for batch in reading.batches(contents, extract, file, REMOVED_COLUMNS):
        for name, key in zip(*(batch.column(column).to_pylist() for column in REMOVED_COLUMNS), strict=True):
            stem = prefix + (name or "").lower()
            table = next((each for each in extract.form.source.tables if each.row and each.is_called(stem)), None)
            if table is not None and key:
                yield (table.name, mark_of(stem, table)), key


def _named(extract: Extract, file: File, table: SourceTable) -> Named:
    mark = mark_of(extract.form.prefix + file.agreed.name, table) if MARK in table.every_column else ""
    return table.name, mark


def _said(table: SourceTable) -> Sequence[str]:
    """All that a mapping may read of a row."""
    return [name for name in table.every_column if name != MARK]


def _texts(batch: pa.RecordBatch, columns: Sequence[str], *, words: bool = False) -> list[Any]:
    """Some columns of each row as one text: a key, which is NULL where a part of it is, or all its words."""
    nothing = pa.nulls(batch.num_rows, pa.string())
    parts = [batch.column(name) if name in batch.schema.names else nothing for name in columns]
    if words:
        joined = pc.binary_join_element_wise(*parts, _NEXT_FIELD, null_handling="replace", null_replacement=_NO_VALUE)
    else:
        joined = pc.binary_join_element_wise(*parts, _DIVIDER)
    return list(joined.to_pylist())

"""A CSV file, row by row: identities out and pseudonyms in, or pseudonyms of one domain out and those of another one in.

Nothing is ever held but a batch of rows. A row that cannot be read refuses the whole file, by its number; no value of the
file is in the refusal.
"""

import codecs
import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import date
from typing import Final

from nexus.kernel.errors import Invalid
from nexus.pseudonyms.identity import Sex
from nexus.pseudonyms.messages import MAX_BATCH, Given, NirGiven, TraitsGiven
from nexus.pseudonyms.requests import IdentityColumns

PSEUDONYM: Final = "pseudonym"
"""The column that stands in the place of what said who somebody is."""
MAX_RECORD_CHARACTERS: Final = 1 << 20
Row = list[str]
Pseudonymise = Callable[[Sequence[Given]], Awaitable[Sequence[str]]]
Transfer = Callable[[Sequence[str]], Awaitable[Sequence[str]]]


class Rewriting:
    """One file. `rows` counts what was written so far."""

    def __init__(self, separator: str, *, batch: int = MAX_BATCH) -> None:
        self.rows = 0
        self._separator = separator
        self._batch = batch

    async def identities(
        self, source: AsyncIterator[bytes], columns: IdentityColumns, ask: Pseudonymise
    ) -> AsyncIterator[bytes]:
        """Without the columns that say who somebody is, with one of pseudonyms before the others. Raises Invalid."""
        named = columns.named()
        async for head, rows in self._batches(source):
            places = {field: _place(head, name) for field, name in named.items()}
            out = set(places.values())
            kept = [place for place in range(len(head)) if place not in out]
            if not self.rows:
                yield self._written([[PSEUDONYM, *(head[place] for place in kept)]])
            people = [
                given(self.rows + n, {field: row[place] for field, place in places.items()})
                for n, row in enumerate(rows, 1)
            ]
            made = await asked(ask, people, self.rows)
            yield self._written([[one, *(row[place] for place in kept)] for one, row in zip(made, rows, strict=True)])
            self.rows += len(rows)

    async def pseudonyms(
        self, source: AsyncIterator[bytes], columns: Sequence[str], ask: Transfer
    ) -> AsyncIterator[bytes]:
        """The same, with other pseudonyms in these columns; a field that is empty stays empty. Raises Invalid."""
        async for head, rows in self._batches(source):
            places = [_place(head, name) for name in columns]
            if not self.rows:
                yield self._written([head])
            old = list(dict.fromkeys(row[place] for row in rows for place in places if row[place]))
            made = dict(zip(old, await ask(old) if old else (), strict=True))
            for row in rows:
                for place in places:
                    row[place] = made.get(row[place], "")
            yield self._written(rows)
            self.rows += len(rows)

    async def _batches(self, source: AsyncIterator[bytes]) -> AsyncIterator[tuple[Row, list[Row]]]:
        """The first row, with up to a batch of those behind it; at least once, so that an empty table has its head."""
        head: Row | None = None
        rows: list[Row] = []
        given = False
        async for record in _records(source):
            row = next(csv.reader([record], delimiter=self._separator, strict=True), [])
            if head is None:
                head = row
                continue
            if len(row) != len(head):
                where = self.rows + len(rows) + 1
                raise Invalid(f"row {where} has not as many fields as the first line", code="pseudonyms.file")
            rows.append(row)
            if len(rows) == self._batch:
                yield head, rows
                rows, given = [], True
        if head is None:
            raise Invalid("this file is empty", code="pseudonyms.file")
        if rows or not given:
            yield head, rows

    def _written(self, rows: Sequence[Sequence[str]]) -> bytes:
        text = io.StringIO()
        csv.writer(text, delimiter=self._separator, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()


async def _records(source: AsyncIterator[bytes]) -> AsyncIterator[str]:
    """Lines, and those joined that a quoted field stretches over. UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    rest = record = ""
    try:
        async for chunk in source:
            *lines, rest = (rest + decoder.decode(chunk)).split("\n")
            for line in lines:
                record += f"{line}\n"
                if len(record) > MAX_RECORD_CHARACTERS:
                    raise Invalid("a row is too long, or a quotation does not end", code="pseudonyms.file")
                if record.count('"') % 2 == 0:
                    if record.strip("\r\n"):
                        yield record.replace("\r\n", "\n")
                    record = ""
        record += rest + decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise Invalid("this file is not UTF-8", code="pseudonyms.file") from None
    if record.strip("\r\n"):
        yield record


def _place(head: Row, name: str) -> int:
    if head.count(name) != 1:
        raise Invalid("a column that was named is not there, or there twice", code="pseudonyms.column")
    return head.index(name)


async def asked(ask: Pseudonymise, people: Sequence[Given], rows: int) -> Sequence[str]:
    """The pseudonyms of a batch that stands behind so many rows. Raises Invalid that says so."""
    try:
        return await ask(people)
    except Invalid as error:  # it says "person N" of this batch
        raise Invalid(f"after row {rows}: {error.message}", code=error.code, hint=error.hint) from None


def given(number: int, fields: Mapping[str, str]) -> Given:
    """Who a row is about: by NIR where there is one, else by traits. Raises Invalid with the number of the row."""
    found = {field: text.strip() for field, text in fields.items()}
    subject = found.get("subject", "")
    if found.get("nir"):
        return NirGiven(found["nir"], subject)
    try:
        return TraitsGiven(
            found["family_name"],
            found["given_name"],
            date.fromisoformat(found["born"]),
            Sex(found["sex"]),
            found["commune"],
            int(found.get("twin_rank") or 1),
            subject,
        )
    except (KeyError, ValueError):
        raise Invalid(
            f"row {number} says neither a NIR nor all traits at birth",
            code="pseudonyms.row",
            hint="dates as 1980-05-02, sex as 1 or 2",
        ) from None

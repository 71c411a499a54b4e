"""A Parquet file, batch by batch: identities out and pseudonyms in, or pseudonyms of one domain out and those of another one in.

As `rewriting` does it for CSV, with the same refusals. It is read in pieces from where it lies, because its description stands at its
end, and by a process of its own (`parquet_reading`).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from nexus.kernel.errors import Invalid
from nexus.pseudonyms.flat_tables import Written
from nexus.pseudonyms.messages import MAX_BATCH, Given
from nexus.pseudonyms.parquet_reading import read_apart
from nexus.pseudonyms.ports import Body
from nexus.pseudonyms.requests import IdentityColumns
from nexus.pseudonyms.rewriting import PSEUDONYM, Pseudonymise, Transfer, asked, given

MAX_TEXT: Final = 512
"""Characters of a field that says who somebody is: the longest name has a hundred."""


class ParquetRewriting:
    """One file. `rows` counts what was written so far."""

    def __init__(self, *, batch: int = MAX_BATCH) -> None:
        self.rows = 0
        self._batch = batch

    async def identities(self, source: Body, columns: IdentityColumns, ask: Pseudonymise) -> AsyncIterator[bytes]:
        """Without the columns that say who somebody is, with one of pseudonyms before the others. Raises Invalid."""
        named = columns.named()
        async with read_apart(source, self._batch) as table:
            places = {field: _place(table.schema, name) for field, name in named.items()}
            kept = [name for name in table.schema.names if name not in set(named.values())]
            if PSEUDONYM in kept:
                raise Invalid("a column of this name is there already", code="pseudonyms.column")
            first = pa.field(PSEUDONYM, pa.string(), nullable=False)
            written = Written(pa.schema([first, *(table.schema.field(name) for name in kept)]))
            async for batch in table.batches():
                people = await asyncio.to_thread(self._people, batch, places)
                made = pa.array(await asked(ask, people, self.rows), pa.string())
                if piece := await asyncio.to_thread(written.add, [made, *(batch.column(name) for name in kept)]):
                    yield piece
                self.rows += batch.num_rows
            yield await asyncio.to_thread(written.end)

    async def pseudonyms(self, source: Body, columns: Sequence[str], ask: Transfer) -> AsyncIterator[bytes]:
        """The same, with other pseudonyms in these columns; a field that is empty stays empty. Raises Invalid."""
        async with read_apart(source, self._batch) as table:
            places = [_place(table.schema, name) for name in columns]
            if any(not kinds.is_string(table.schema.field(place).type) for place in places):
                raise Invalid("a column of pseudonyms holds text", code="pseudonyms.column-type")
            written = Written(table.schema)
            async for batch in table.batches():
                held = {place: batch.column(place).to_pylist() for place in places}
                old = list(dict.fromkeys(one for column in held.values() for one in column if one))
                made = dict(zip(old, await ask(old) if old else (), strict=True))
                now = list(batch.columns)
                for place, column in held.items():
                    now[place] = pa.array([made[one] if one else one for one in column], pa.string())
                if piece := await asyncio.to_thread(written.add, now):
                    yield piece
                self.rows += batch.num_rows
            yield await asyncio.to_thread(written.end)

    def _people(self, batch: pa.RecordBatch, places: dict[str, int]) -> list[Given]:
        texts = {field: _texts(batch.column(place)) for field, place in places.items()}
        rows = zip(*texts.values(), strict=True)
        return [given(self.rows + n, dict(zip(texts, row, strict=True))) for n, row in enumerate(rows, 1)]


def _place(schema: pa.Schema, name: str) -> int:
    place = int(schema.get_field_index(name))
    if place < 0:
        raise Invalid("a column that was named is not there, or there twice", code="pseudonyms.column")
    return place


def _texts(column: pa.Array) -> list[str]:
    """What says who somebody is, as a CSV file would write it: empty where there is nothing."""
    kind = column.type
    if kinds.is_string(kind):
        if (pc.max(pc.utf8_length(column)).as_py() or 0) > MAX_TEXT:
            raise Invalid(
                f"a field that says who somebody is has more than {MAX_TEXT} characters", code="pseudonyms.file"
            )
    elif not (kinds.is_integer(kind) or kinds.is_date(kind) or kinds.is_null(kind)):
        raise Invalid(
            "a column that says who somebody is has another type",
            code="pseudonyms.column-type",
            hint="text, whole numbers or days; no moments and no decimals",
        )
    else:
        column = column.cast(pa.string())
    return [value or "" for value in column.to_pylist()]

"""Looks for pseudonyms in a Parquet file: in every text and bytes of its columns, and in what is packed behind them."""

import base64
from binascii import Error as NoBase64
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as kinds

from nexus.kernel.errors import Invalid
from nexus.pseudonyms import notation

ROWS: Final = 16_384
"""Looked at at a time."""
_HEAD: Final = f"{notation.FUNCTION}-"
"""In what holds none of it there is nothing to look for."""
_PLAIN: Final = (kinds.is_string, kinds.is_large_string, kinds.is_binary, kinds.is_large_binary)
_VIEWS: Final = (kinds.is_string_view, kinds.is_binary_view, kinds.is_fixed_size_binary)


class Found(Protocol):
    """What counts (`scanning.Findings`)."""

    def look_at(self, text: bytes, times: int = 1) -> None:
        """Count what stands in a text that is there so many times."""

    def look_behind(self, text: bytes) -> None:
        """Count once what stands in a text and was not found before."""


def look_into(path: Path, found: Found) -> None:
    """Every value, whatever it is inside of, then metadata and dictionaries. Raises Invalid if it cannot be read."""
    try:
        with pq.ParquetFile(path) as first:
            texts = [field.name for field in first.schema_arrow if _is_plain(field.type)]
            unused: list[pa.Array] = []
            with pq.ParquetFile(path, metadata=first.metadata, read_dictionary=texts) as file:
                for batch in file.iter_batches(batch_size=ROWS):
                    for column in batch.columns:
                        for values in _leaves(column):
                            _count(values, found, unused)
            for values in unused:
                for text in _candidates(values):
                    found.look_behind(text)
            for text in _described(first):
                found.look_behind(text)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise Invalid(
            "this Parquet file cannot be read: it is broken, or encrypted by a key of its own",
            code="pseudonyms.parquet",
        ) from error


def _leaves(column: pa.Array) -> Iterator[pa.Array]:
    """Arrays of texts or bytes, or dictionaries of them, that a column is made of."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        yield from _leaves(column.storage)
    elif kinds.is_struct(kind):
        for inner in column.flatten():
            yield from _leaves(inner)
    elif kinds.is_map(kind):
        yield from _leaves(column.keys)
        yield from _leaves(column.items)
    elif kinds.is_nested(kind):
        yield from _leaves(column.flatten())
    elif _is_plain(kind.value_type if kinds.is_dictionary(kind) else kind):
        yield column
    elif any(is_one(kind) for is_one in _VIEWS):
        yield column.cast(pa.string() if kinds.is_string_view(kind) else pa.binary())


def _is_plain(kind: pa.DataType) -> bool:
    return any(is_one(kind) for is_one in _PLAIN)


def _count(values: pa.Array, found: Found, unused: list[pa.Array]) -> None:
    """A value that is there many times is looked at once. `unused`: gathers what a dictionary holds beside."""
    if not kinds.is_dictionary(values.type):
        for text in _candidates(values):
            found.look_at(text)
        return
    dictionary = values.dictionary
    held = pc.filter(pa.array(range(len(dictionary)), values.type.index_type), _holds(dictionary))
    if not len(held):
        return
    for one in values.indices.filter(pc.is_in(values.indices, value_set=held)).value_counts():
        found.look_at(_bytes(dictionary[one["values"].as_py()].as_py()), one["counts"].as_py())
    unused.append(dictionary.take(held))


def _candidates(values: pa.Array) -> Iterator[bytes]:
    """Those of some texts that may hold a pseudonym."""
    for value in values.filter(_holds(values)).to_pylist():
        yield _bytes(value)


def _holds(values: pa.Array) -> pa.Array:
    """For each value, whether it may hold a pseudonym; not where it is null."""
    return pc.fill_null(pc.match_substring(values, _HEAD), fill_value=False)


def _bytes(value: Any) -> bytes:
    return value.encode("utf-8", "backslashreplace") if isinstance(value, str) else bytes(value)


def _described(file: pq.ParquetFile) -> Iterator[bytes]:
    """Metadata of the file and of its fields: some of it is packed in Base64 in the footer."""
    for key, value in (file.metadata.metadata or {}).items():
        yield key + b"\n" + value
        try:
            yield base64.b64decode(value, validate=True)
        except (NoBase64, ValueError):
            continue

"""Finds pseudonyms in text, CSV and Parquet files: a leak is found by looking for what cannot be anything else."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pyarrow
import pyarrow.parquet

from nexus.kernel.errors import Invalid
from nexus.pseudonyms import notation
from nexus.pseudonyms.notation import Domain

CHUNK_BYTES: Final = 1 << 20
ROWS: Final = 65_536
"""Rows of a Parquet file looked at at a time."""
PARQUET_MAGIC: Final = b"PAR1"

_CANDIDATE: Final = re.compile(rf"(?<![0-9A-Za-z]){notation.PATTERN}(?![0-9A-Za-z])".encode("ascii"))
_LONGEST: Final = 64
"""Bytes of the longest pseudonym and its neighbours: what of a chunk is looked at again with the next."""


@dataclass(slots=True)
class Findings:
    """What a file holds. `mistyped`: it has the form of a pseudonym, and its check characters deny it."""

    pseudonyms: Counter[Domain] = field(default_factory=Counter)
    mistyped: int = 0
    distinct: defaultdict[Domain, set[bytes]] = field(default_factory=lambda: defaultdict(set), repr=False)
    """The pseudonyms themselves, each once."""

    @property
    def total(self) -> int:
        """How many were found, repetitions included."""
        return self.pseudonyms.total()

    def look_at(self, text: bytes) -> None:
        """Count what stands in a piece of text."""
        for found in _CANDIDATE.finditer(text):
            self._count(found.group())

    def _count(self, candidate: bytes) -> None:
        try:
            domain, _ = notation.read(candidate.decode("ascii"))
        except Invalid:
            self.mistyped += 1
            return
        self.pseudonyms[domain] += 1
        self.distinct[domain].add(candidate)


def scan(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Findings:
    """Everything in a file: Parquet by its columns, whatever else as bytes. Raises Invalid on a broken Parquet file."""
    with path.open("rb") as file:
        parquet = file.read(len(PARQUET_MAGIC)) == PARQUET_MAGIC
    findings = Findings()
    for piece in _parquet(path) if parquet else _pieces(path, chunk_bytes):
        findings.look_at(piece)
    return findings


def _pieces(path: Path, chunk_bytes: int) -> Iterator[bytes]:
    """A file in chunks; what could begin at the end of one is carried into the next, whole."""
    with path.open("rb") as file:
        carried = b""
        while chunk := file.read(chunk_bytes):
            text = carried + chunk
            cut = _cut(text)
            yield text[:cut]
            carried = text[cut:]
        yield carried


def _cut(text: bytes) -> int:
    """Where to end a piece: at a byte that cannot stand inside a pseudonym, or, in endless words, before the last."""
    for at in range(len(text) - 1, max(0, len(text) - _LONGEST), -1):
        if not (text[at : at + 1].isalnum() or text[at : at + 1] == b"-"):
            return at
    return max(0, len(text) - _LONGEST)


def _parquet(path: Path) -> Iterator[bytes]:
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=ROWS):
                for column in batch.columns:
                    yield from _texts(column)
    except pyarrow.ArrowException as error:
        raise Invalid("this Parquet file cannot be read", code="pseudonyms.parquet") from error


def _texts(column: pyarrow.Array) -> Iterator[bytes]:
    """The texts of a column, those inside lists and structs too, a line each."""
    kind = column.type
    if pyarrow.types.is_dictionary(kind):
        yield from _texts(column.dictionary_decode())
    elif pyarrow.types.is_struct(kind):
        for inner in column.flatten():
            yield from _texts(inner)
    elif pyarrow.types.is_map(kind):
        yield from _texts(column.keys)
        yield from _texts(column.items)
    elif pyarrow.types.is_nested(kind):
        yield from _texts(column.flatten())
    elif pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        yield "\n".join(value for value in column.to_pylist() if value is not None).encode("utf-8", "backslashreplace")
    elif pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind):
        yield b"\n".join(value for value in column.to_pylist() if value is not None)

"""Finds pseudonyms in text, CSV and Parquet files: a leak is found by looking for what cannot be anything else."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nexus.kernel.errors import Invalid
from nexus.pseudonyms import notation
from nexus.pseudonyms.notation import Domain
from nexus.pseudonyms.scanning_parquet import look_into

CHUNK_BYTES: Final = 1 << 20
PARQUET_MAGIC: Final = b"PAR1"
ENCRYPTED_MAGIC: Final = b"PARE"

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

    def look_at(self, text: bytes, times: int = 1) -> None:
        """Count what stands in a piece of text that the file holds so many times."""
        for found in _CANDIDATE.finditer(text):
            self._count(found.group(), times)

    def look_behind(self, text: bytes) -> None:
        """Count once what stands in a text behind the rows, and was not found in them."""
        for found in _CANDIDATE.finditer(text):
            if not any(found.group() in those for those in self.distinct.values()):
                self._count(found.group(), 1)

    def _count(self, candidate: bytes, times: int) -> None:
        try:
            domain, _ = notation.read(candidate.decode("ascii"))
        except Invalid:
            self.mistyped += times
            return
        self.pseudonyms[domain] += times
        self.distinct[domain].add(candidate)


def scan(path: Path, *, chunk_bytes: int = CHUNK_BYTES) -> Findings:
    """Everything in a file: Parquet by its columns and what stands behind them, whatever else as bytes.

    Raises Invalid on a Parquet file that is broken or encrypted: what cannot be read is not clean.
    """
    with path.open("rb") as file:
        begun = file.read(len(PARQUET_MAGIC))
    findings = Findings()
    if begun in (PARQUET_MAGIC, ENCRYPTED_MAGIC):
        look_into(path, findings)
        for piece in _pieces(path, chunk_bytes):  # statistics, names, what no row uses
            findings.look_behind(piece)
    else:
        for piece in _pieces(path, chunk_bytes):
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

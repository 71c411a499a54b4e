"""What a build needs from others. It runs on a thread of its own: these wait."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Protocol

from nexus.pseudonyms.messages import Given
from nexus.warehouse.building.model import Extract, File
from nexus.warehouse.intake.parquet_rows import Readable


class Contents(Protocol):
    """Files of accepted deliveries, where they lie."""

    def stream(self, extract: Extract, file: File) -> Iterator[bytes]:
        """What was delivered, unpacked, from its beginning. Recorded before the first byte. Raises NotFound, Damaged, Sealed."""

    def anywhere(self, extract: Extract, file: File) -> Readable:
        """The same, to be read from anywhere."""


class Pseudonyms(Protocol):
    """The warehouse's pseudonyms."""

    def of(self, people: Sequence[Given]) -> Sequence[str]:
        """In the order of the people. Raises Conflict where this platform makes none, NotFound, Sealed, Unavailable."""


class Decisions(Protocol):
    """What patients decided."""

    def state(self) -> str:
        """Another text whenever an answer may be another one."""

    def subjects(self, site: str, references: Sequence[str]) -> Mapping[str, str]:
        """By which name consent knows those of these that it knows: reference, subject."""

    def refusing(self, subjects: Collection[str]) -> Collection[str]:
        """Those of these who object to secondary use, or took back what they had permitted."""

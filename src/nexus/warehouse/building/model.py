"""What a build reads, and what it says at its end."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import msgspec

from nexus.kernel.errors import Conflict
from nexus.warehouse.building.form import Form
from nexus.warehouse.intake.agreement import REMOVED, Table
from nexus.warehouse.intake.manifest import FileSaid
from nexus.warehouse.omop.source import SourceTable

FORMAT: Final = 3
"""Grows whenever a later version would make other files of the same deliveries."""


@dataclass(frozen=True, slots=True)
class File:
    """A file of an extract: which version of which object, as what was agreed. `of`: the tables of the source that it holds."""

    number: int
    said: FileSaid
    key: str
    version: str
    agreed: Table
    of: tuple[SourceTable, ...]
    link: int = 0
    """Place of its delivery in the chain of the provider: 0 is the whole one, others are changes."""

    @property
    def removes(self) -> bool:
        """Whether it holds keys of what is to go."""
        return self.agreed.name.lower() == REMOVED


@dataclass(frozen=True, slots=True)
class Extract:
    """What a provider tells: its newest accepted delivery or, if that holds changes, the whole one and all changes since."""

    provider: str
    site: str
    bucket: str
    number: int
    content: str
    """What tells it from every other: the checksum of its files' checksums, of all deliveries."""
    until: date
    """Last day of the data."""
    form: Form
    files: tuple[File, ...]
    chain: tuple[int, ...] = ()
    """Numbers of the deliveries, from the whole one; empty if it is alone."""

    def delivery(self, file: File) -> int:
        """Number of the delivery that a file is of."""
        return self.chain[file.link] if self.chain else self.number

    def of_people(self) -> Sequence[File]:
        """The files that say who is in it."""
        return [file for file in self.files if self.form.people in (table.name for table in file.of)]


def digest(extracts: Sequence[Extract], *more: str) -> str:
    """Tells two builds apart: by what is read, and by everything else that the result follows from."""
    parts = [f"{one.provider}\0{one.number}\0{one.content}" for one in extracts]
    return hashlib.sha256("\n".join([str(FORMAT), *parts, *more]).encode()).hexdigest()


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What deliveries of changes did to the whole one, in rows of the source."""

    told: int
    """Rows that they hold."""
    gone: int
    """Rows that were replaced or removed since they were delivered."""
    removed: int
    """Keys of removals that were there."""
    unknown: int
    """Keys of removals that were not."""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """Which delivery of which provider is in the CDM."""

    provider: str
    source: str
    number: int
    files: int
    records: int
    """Of persons."""
    chain: tuple[int, ...] = ()
    """The whole delivery and the changes that were applied to it, by number; empty if there were none."""
    changes: Changes | None = None


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """What the CDM is made of. Counts of people, and nobody."""

    digest: str
    began: str
    """`new`, `refresh`, or `nothing`: all was as it is."""
    deliveries: tuple[Delivered, ...]
    records: int
    persons: int
    """Who have a pseudonym and do not object."""
    linked: dict[str, int]
    """Merges by each rule."""
    for_review: int
    """Pairs that somebody should judge; they were not merged."""
    nobody: int
    """Numbers of records left out because two rows under one tell of two people."""
    excluded: int
    """Persons left out because they object, or withdrew."""
    tables: dict[str, int]
    failed: dict[str, int]
    """Checks of the quality gate that failed, by severity."""
    state: str
    """Of patients' decisions, when they were asked."""


def nothing_accepted() -> Conflict:
    """There is nothing to build from."""
    return Conflict(
        "no delivery was accepted yet",
        code="building.no-delivery",
        hint="providers deliver, intake accepts: docs/how-to/deliver-an-extract.md",
    )


def changes_alone(provider: str) -> Conflict:
    """A delivery tells what changed, and is no extract."""
    return Conflict(
        f"{provider} delivered what changed, and not everything",
        code="building.changes",
        hint="a build reads whole extracts: have it delivered whole",
    )

"""Resources gathered for the scanner: by element, each value with its line and its resource."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import pyarrow

from nexus.warehouse.intake.agreement import IdentifierKind
from nexus.warehouse.intake.fhir_rows import Cells

RESOURCES: Final = 1_024
"""Of one batch."""
STRUCTURE: Final = frozenset({"resourceType", "system", "code", "unit", "url", "reference", "fullUrl", "versionId"})
"""Elements that hold words of specifications and vocabularies, or refer to other resources by their ids."""


@dataclass(slots=True)
class Column:
    """The values of one element."""

    texts: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    resource: list[int] = field(default_factory=list)
    """Place of the resource in its batch."""

    @property
    def values(self) -> pyarrow.Array:
        """As the scanner takes them."""
        return pyarrow.array(self.texts, pyarrow.string())


@dataclass(slots=True)
class Resources:
    """A batch. `declared` has one value for each resource."""

    resources: int
    columns: dict[str, Column]
    declared: dict[str, pyarrow.Array]


def batches(resources: Iterable[tuple[int, Cells]], declared: Mapping[str, IdentifierKind]) -> Iterator[Resources]:
    """Resources in batches. What is declared by its path is so with everything inside of it."""
    held: list[tuple[int, Cells]] = []
    for each in resources:
        held.append(each)
        if len(held) == RESOURCES:
            yield _batch(held, declared)
            held = []
    if held:
        yield _batch(held, declared)


def _batch(held: list[tuple[int, Cells]], declared: Mapping[str, IdentifierKind]) -> Resources:
    columns: dict[str, Column] = {}
    known: dict[str, list[str | None]] = {path: [None] * len(held) for path in declared}
    for place, (line, cells) in enumerate(held):
        for path, texts in cells.items():
            owner = next((each for each in declared if path == each or path.startswith(f"{each}.")), None)
            if owner is not None:
                known[owner][place] = " ".join(filter(None, (known[owner][place], *texts)))
            elif path.rpartition(".")[2] not in STRUCTURE:
                column = columns.setdefault(path, Column())
                column.texts += texts
                column.lines += [line] * len(texts)
                column.resource += [place] * len(texts)
    arrays = {path: pyarrow.array(texts, pyarrow.string()) for path, texts in known.items()}
    return Resources(len(held), columns, arrays)

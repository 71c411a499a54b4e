"""Several sources as one: a warehouse whose persons are known to hospitals and to the claims base alike.

Keys are made of what a source calls a thing. Deliveries that are converted together must call one person by one name, and two
other things by two; `warehouse.building` sees to it before anything is converted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import Final

import ibis.expr.types as ir

from nexus.kernel.errors import Conflict
from nexus.warehouse.omop.source import AnyMapping, Build, Direct, Inputs, Source, SourceTable

NAME: Final = "warehouse"
"""What such a conversion is called, whichever sources are in it: one more may come with a refresh."""


def together(sources: Sequence[Source]) -> Source:
    """One source of all tables and mappings. What several tell of one thing is kept as the first of them tells it.

    Raises Conflict if two have a table of one name.
    """
    names = [table.name for source in sources for table in source.tables]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Conflict(f"two sources have tables of one name: {', '.join(twice)}", code="omop.sources")
    first, *others = sources
    behind = (_behind(mapping, place) for place, source in enumerate(others, 1) for mapping in source.mappings)
    mappings = chain(first.mappings, behind)
    return Source(
        name=NAME,
        title="; ".join(source.title for source in sources),
        tables=tuple(table for source in sources for table in source.tables),
        mappings=tuple(mappings),
        vocabularies=_distinct(source.vocabularies for source in sources),
        observed_by=_distinct(source.observed_by for source in sources),
        period_type=first.period_type,
        shifted=frozenset(chain.from_iterable(source.shifted for source in sources)),
    )


def apart(source: Source, prefix: str) -> Source:
    """A source whose tables have other names, so that it can be together with one that has tables of the same names."""
    return replace(
        source,
        tables=tuple(
            replace(table, name=prefix + table.name, within=_within(table, prefix)) for table in source.tables
        ),
        mappings=tuple(
            replace(mapping, driver=prefix + mapping.driver, build=partial(_apart, mapping.build, prefix))
            for mapping in source.mappings
        ),
        shifted=frozenset(prefix + name for name in source.shifted),
    )


def _within(table: SourceTable, prefix: str) -> tuple[str, tuple[str, ...]] | None:
    return (prefix + table.within[0], table.within[1]) if table.within else None


def _apart(build: Build, prefix: str, inputs: Inputs) -> ir.Table:
    return build(_Renamed(inputs, prefix))


@dataclass(frozen=True, slots=True)
class _Renamed:
    """What a mapping reads, by the names that it knows."""

    inputs: Inputs
    prefix: str

    def driver(self) -> ir.Table:
        return self.inputs.driver()

    def whole(self, table: str) -> ir.Table:
        return self.inputs.whole(self.prefix + table)

    def concepts(self, vocabulary: str) -> ir.Table:
        return self.inputs.concepts(vocabulary)


def _behind(mapping: AnyMapping, place: int) -> AnyMapping:
    return replace(mapping, later=place) if isinstance(mapping, Direct) else mapping


def _distinct(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(lists)))

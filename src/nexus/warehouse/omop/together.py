"""Several sources as one: a warehouse whose persons are known to hospitals and to the claims base alike.

Keys are made of what a source calls a thing. Deliveries that are converted together must call one person by one name, and two
other things by two; `warehouse.building` sees to it before anything is converted.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from typing import Final

from nexus.kernel.errors import Conflict
from nexus.warehouse.omop.source import AnyMapping, Direct, Source

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
        future_is_wrong=all(source.future_is_wrong for source in sources),
    )


def _behind(mapping: AnyMapping, place: int) -> AnyMapping:
    return replace(mapping, later=place) if isinstance(mapping, Direct) else mapping


def _distinct(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(lists)))

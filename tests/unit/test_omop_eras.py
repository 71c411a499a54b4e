"""Eras of drugs, beside days that are counted one by one."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache
from typing import Any

import ibis
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nexus.warehouse.omop.eras import drug_eras

FIRST = date(2020, 1, 1)
DRUG, INGREDIENT, OTHER = 1, 10, 11
Taken = tuple[int, int, int]
"""Person, day of the start, days until the end."""
EXPOSURES = st.lists(st.tuples(st.integers(1, 2), st.integers(0, 150), st.integers(0, 40)), min_size=1, max_size=12)


@settings(deadline=None)
@example([(1, 0, 5), (1, 35, 1)])
@example([(1, 0, 5), (1, 36, 1)])
@given(EXPOSURES)
def test_an_era_has_gaps_of_thirty_days_at_most_and_counts_the_days_that_nothing_was_taken(exposures):
    assert _made(exposures) == sorted(
        row for ingredient in (INGREDIENT, OTHER) for row in _by_days(exposures, ingredient)
    )


def _by_days(exposures: Iterable[Taken], ingredient: int) -> Iterable[tuple[int, ...]]:
    """Person, ingredient, first and last day, exposures, days without."""
    of_person = defaultdict(list)
    for person, start, length in sorted(exposures):
        of_person[person].append((start, start + length))
    for person, spans in of_person.items():
        eras: list[list[tuple[int, int]]] = []
        for span in spans:
            if eras and span[0] - max(end for _, end in eras[-1]) <= 30:
                eras[-1].append(span)
            else:
                eras.append([span])
        for era in eras:
            start, end = era[0][0], max(end for _, end in era)
            days = {day for first, last in era for day in range(first, last)}
            yield person, ingredient, start, end, len(era), end - start - len(days)


def _made(exposures: Iterable[Taken]) -> list[tuple[int, ...]]:
    engine, statement = _engine()
    taken = [
        (person, DRUG, FIRST + timedelta(start), FIRST + timedelta(start + length), None)
        for person, start, length in exposures
    ]
    engine.execute("TRUNCATE drugs")
    engine.executemany("INSERT INTO drugs VALUES (?, ?, ?, ?, ?)", taken)
    return sorted(
        (person, concept, (start - FIRST).days, (end - FIRST).days, spans, gap)
        for person, concept, start, end, spans, gap in engine.execute(statement).fetchall()
    )


@cache
def _engine() -> tuple[Any, str]:
    """A DuckDB with a table to fill, and the statement of its eras."""
    engine = ibis.duckdb.connect()
    engine.con.execute(
        "CREATE MACRO nexus_key(text) AS 0;"
        " CREATE TABLE drugs (person_id BIGINT, drug_concept_id INTEGER, drug_exposure_start_date DATE,"
        " drug_exposure_end_date DATE, days_supply INTEGER);"
        " CREATE TABLE ingredients AS FROM (VALUES (1, 10), (1, 11)) v(drug_concept_id, ingredient_concept_id)"
    )
    eras = drug_eras(engine.table("drugs"), engine.table("ingredients")).drop("drug_era_id")
    return engine.con, engine.compile(eras)

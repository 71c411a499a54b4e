"""By what is the same: the number, then the traits at birth."""

import duckdb

from nexus.warehouse.linkage.model import Doubt, Edge, Review, Rule

_BY_NUMBER = """
    SELECT a.unique_id, b.unique_id,
           a.given IS NULL OR b.given IS NULL OR a.born = b.born
           OR jaro_winkler_similarity(a.given, b.given) >= 0.85 OR (a.given = b.used AND a.used = b.given)
    FROM records a JOIN records b ON a.number = b.number AND a.unique_id < b.unique_id
    ORDER BY ALL
"""
_BY_TRAITS = """
    SELECT a.unique_id, b.unique_id
    FROM records a JOIN records b
      ON a.given = b.given AND a.born = b.born AND a.sex = b.sex AND a.place = b.place AND a.rank = b.rank
     AND a.family = b.family AND a.unique_id < b.unique_id
    WHERE a.number IS NULL OR b.number IS NULL
    ORDER BY ALL
"""


def by_number(engine: duckdb.DuckDBPyConnection) -> tuple[list[Edge], list[Review]]:
    """Pairs of one number: those whose other traits agree, and those whose deny it."""
    edges, reviews = [], []
    for left, right, agrees in engine.execute(_BY_NUMBER).fetchall():
        if agrees:
            edges.append(Edge(left, right, Rule.NUMBER))
        else:
            reviews.append(Review(left, right, Doubt.NUMBER_DENIED, 1.0))
    return edges, reviews


def by_traits(engine: duckdb.DuckDBPyConnection) -> list[Edge]:
    """Pairs whose traits at birth are all known and the same, where one has no number to go by."""
    return [Edge(left, right, Rule.TRAITS) for left, right in engine.execute(_BY_TRAITS).fetchall()]

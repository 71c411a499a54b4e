"""By probability: what a NIR proves teaches how alike the records of one person are, and the others are judged by that.

The model is that of Fellegi and Sunter as splink computes it on DuckDB. m, how often records of one person agree, is
counted on pairs of one NIR for names; for birth, sex, place and rank it is set here, because a NIR counts only where birth
and sex agree with it, and so cannot teach how often they are wrong. u, how often strangers agree, is counted on random
pairs under a fixed seed; frequent names weigh less.
"""

import logging
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import splink.comparison_level_library as level
import splink.comparison_library as compare
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from nexus.warehouse.linkage.model import LEARNABLE

SEED: Final = 20_260_101
_PAIRS: Final = 500_000.0
"""Random pairs looked at for u."""
_REVERSED: Final = "given_l = used_r AND used_l = given_r"
_SAME_NAME: Final = "family_l = family_r OR used_l = used_r OR family_l = used_r OR used_l = family_r"
_ALIKE: Final = (
    "greatest(jaro_winkler_similarity(family_l, family_r), jaro_winkler_similarity(used_l, used_r),"
    " jaro_winkler_similarity(family_l, used_r), jaro_winkler_similarity(used_l, family_r)) >= {}"
)
_JUDGED: Final = """
    SELECT least(unique_id_l, unique_id_r), greatest(unique_id_l, unique_id_r), round(match_probability, 9),
           gamma_given = 0 OR (gamma_given = 1 AND gamma_rank <> 1)
    FROM {table}
    WHERE number_l IS NULL OR number_r IS NULL OR (left(number_l, 1) IN ('7', '8')) <> (left(number_r, 1) IN ('7', '8'))
    ORDER BY ALL
"""
"""0 and 1 of `gamma_given` are the two last levels of `_given`: unlike, and a little alike."""
_PROVEN: Final = (
    "SELECT count(*) FROM records a JOIN records b ON a.number = b.number AND a.unique_id < b.unique_id"
    " WHERE a.given IS NOT NULL AND b.given IS NOT NULL"
)


def proven_pairs(engine: duckdb.DuckDBPyConnection) -> int:
    """Pairs of named records that a NIR proves to be of one person."""
    counted = engine.execute(_PROVEN).fetchone()
    assert counted is not None
    return int(counted[0])


@dataclass(frozen=True, slots=True, order=True)
class Judged:
    """Two records, of which one has no number to go by, and how probable it is that they are one person."""

    left: int
    right: int
    probability: float
    perhaps_twins: bool
    """Given names are unlike, or a little alike and no ranks say more: what all else agrees on is true of twins too."""


def predict(engine: duckdb.DuckDBPyConnection, least: float) -> list[Judged]:
    """Pairs of records of at least this probability, of which one has no number; sorted.

    Empty where fewer than `LEARNABLE` pairs are proven.
    """
    if proven_pairs(engine) < LEARNABLE:
        return []
    logging.getLogger("splink").setLevel(logging.ERROR)
    engine.execute(
        "CREATE OR REPLACE TABLE named AS SELECT * FROM records WHERE given IS NOT NULL AND born IS NOT NULL"
    )
    engine.execute("SET threads = 1")  # sums of floats in one order
    linker = Linker("named", _settings(), DuckDBAPI(connection=engine), set_up_basic_logging=False)
    linker.training.estimate_probability_two_random_records_match([block_on("number")], recall=0.8)
    linker.training.estimate_u_using_random_sampling(max_pairs=_PAIRS, seed=SEED)
    linker.training.estimate_m_from_label_column("number")
    found = linker.inference.predict(threshold_match_probability=least)
    rows = engine.execute(_JUDGED.format(table=found.physical_name)).fetchall()
    return [Judged(*row) for row in rows]


def _settings() -> SettingsCreator:
    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="unique_id",
        comparisons=[_given(), _family(), _birth(), _sex(), _place(), _rank()],
        blocking_rules_to_generate_predictions=[
            block_on("born", "sex"),
            block_on("given", "family", "year(born)"),
            block_on("given", "used", "year(born)"),
            block_on("family", "sex", "substr(given, 1, 2)", "month(born)", "day(born)"),
        ],
        additional_columns_to_retain=["number"],
        retain_intermediate_calculation_columns=False,
        retain_matching_columns=True,
    )


def _given() -> Any:
    exact = level.ExactMatchLevel("given", term_frequency_adjustments=True)
    return compare.CustomComparison(
        output_column_name="given",
        comparison_levels=[
            level.NullLevel("given"),
            exact,
            level.CustomLevel(_REVERSED, "exchanged"),
            level.JaroWinklerLevel("given", 0.92),
            level.JaroWinklerLevel("given", 0.82),
            level.ElseLevel(),
        ],
    )


def _family() -> Any:
    return compare.CustomComparison(
        output_column_name="family",
        comparison_levels=[
            level.NullLevel("family"),
            level.ExactMatchLevel("family", term_frequency_adjustments=True),
            level.CustomLevel(_SAME_NAME, "one name of the two"),
            level.CustomLevel(_REVERSED, "exchanged"),
            level.CustomLevel(_ALIKE.format(0.92), "alike"),
            level.ElseLevel(),
        ],
    )


def _set(one: Any, share: float) -> Any:
    """A level whose share among records of one person is set, not learned."""
    return one.configure(m_probability=share, fix_m_probability=True)


def _birth() -> Any:
    slip = (
        "damerau_levenshtein(born_l::VARCHAR, born_r::VARCHAR) <= 1 OR (year(born_l) = year(born_r)"
        " AND month(born_l) = day(born_r) AND day(born_l) = month(born_r))"
    )
    return compare.CustomComparison(
        output_column_name="born",
        comparison_levels=[
            level.NullLevel("born"),
            _set(level.ExactMatchLevel("born"), 0.97),
            _set(level.CustomLevel(slip, "one slip"), 0.018),
            _set(level.CustomLevel("abs(born_l - born_r) <= 31", "a month"), 0.006),
            _set(level.CustomLevel("abs(abs(born_l - born_r) - 365) <= 1", "a year"), 0.004),
            _set(level.ElseLevel(), 0.002),
        ],
    )


def _sex() -> Any:
    return compare.CustomComparison(
        output_column_name="sex",
        comparison_levels=[
            level.NullLevel("sex"),
            _set(level.ExactMatchLevel("sex"), 0.998),
            _set(level.ElseLevel(), 0.002),
        ],
    )


def _place() -> Any:
    return compare.CustomComparison(
        output_column_name="place",
        comparison_levels=[
            level.NullLevel("place"),
            _set(level.ExactMatchLevel("place"), 0.97),
            _set(level.CustomLevel("substr(place_l, 1, 2) = substr(place_r, 1, 2)", "one department"), 0.02),
            _set(level.ElseLevel(), 0.01),
        ],
    )


def _rank() -> Any:
    return compare.CustomComparison(
        output_column_name="rank",
        comparison_levels=[
            level.NullLevel("rank"),
            _set(level.ExactMatchLevel("rank"), 0.999),
            _set(level.ElseLevel(), 0.001),
        ],
    )

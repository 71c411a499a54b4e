"""The tables that a release may hold: those of the CDM, and one of ours that says who is in a cohort as what."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from nexus.warehouse.omop import spec
from nexus.warehouse.omop.spec import Field

ROSTER: Final = "cohort_member"
"""OMOP's own `cohort` has no place for which controls are whose."""
_ROSTER_FIELDS: Final = (
    Field("person_id", "int64", required=True),
    Field("cohort_role", "string", required=True),
    Field("matched_set", "int64", required=True),
    Field("index_date", "date", required=True),
)


@cache
def tables() -> Mapping[str, tuple[Field, ...]]:
    """Every table and its fields, in order."""
    return {**spec.tables(), ROSTER: _ROSTER_FIELDS}


def names(table: str) -> tuple[str, ...]:
    """The fields of a table, in order."""
    return tuple(field.name for field in tables()[table])

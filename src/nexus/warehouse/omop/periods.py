"""Observation periods, where a source says none: from a person's first record to the last."""

from collections.abc import Mapping
from functools import reduce
from typing import Final

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.keys import key

_SPANS: Final[Mapping[str, tuple[str, str]]] = {
    "visit_occurrence": ("visit_start_date", "visit_end_date"),
    "condition_occurrence": ("condition_start_date", "condition_start_date"),
    "drug_exposure": ("drug_exposure_start_date", "drug_exposure_start_date"),
    "procedure_occurrence": ("procedure_date", "procedure_date"),
    "device_exposure": ("device_exposure_start_date", "device_exposure_start_date"),
    "measurement": ("measurement_date", "measurement_date"),
    "observation": ("observation_date", "observation_date"),
}
"""What begins and ends a period: care is given until a visit ends, but a prescription does not observe anybody."""


def observation_periods(tables: Mapping[str, ir.Table], type_concept: int) -> ir.Table:
    """One period for each person of whom there is a record in these tables."""
    spans = reduce(
        lambda one, other: one.union(other),
        (
            table.group_by("person_id").aggregate(
                start=table[_SPANS[name][0]].min(),
                end=ibis.coalesce(table[_SPANS[name][1]], table[_SPANS[name][0]]).max(),
            )
            for name, table in sorted(tables.items())
        ),
    )
    whole = spans.group_by("person_id").aggregate(start=spans.start.min(), end=spans.end.max())
    return whole.select(
        observation_period_id=key("observation_period", whole.person_id, "1"),
        person_id=whole.person_id,
        observation_period_start_date=whole.start,
        observation_period_end_date=whole.end,
        period_type_concept_id=ibis.literal(type_concept),
    )

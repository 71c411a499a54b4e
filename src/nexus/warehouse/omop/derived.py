"""Tables that are made of other tables of the CDM: observation periods and eras. They have no line of a file of their own."""

from collections.abc import Callable
from datetime import date
from typing import Final

import ibis.expr.types as ir

from nexus.warehouse.omop import eras, vocabulary
from nexus.warehouse.omop.engine import Engine, Named
from nexus.warehouse.omop.layout import Layout, write_rows
from nexus.warehouse.omop.periods import observation_periods
from nexus.warehouse.omop.piece import completed
from nexus.warehouse.omop.source import Source
from nexus.warehouse.omop.spec import tables

PART: Final = "derived"
CDM_54: Final = 756265
"""Concept of the version of the model."""


def derive(engine: Engine, layout: Layout, source: Source) -> None:
    """Write what follows from the records. Runs again from the start after an interruption: it is a step of its own."""

    def table(name: str) -> ir.Table:
        types = {field.name: field.type for field in tables()[name]}
        return engine.read(f"cdm_{name}", [layout.cdm / name], types)

    def write(name: str, rows: Callable[[], ir.Table]) -> None:
        engine.write(Named(f"derived {name}", lambda: completed(rows(), name)), layout.part(layout.cdm, name, PART))

    if not any("observation_period" in mapping.targets for mapping in source.mappings):
        seen = {name: table(name) for name in source.observed_by}
        write("observation_period", lambda: observation_periods(seen, source.period_type))
    conditions, drugs, strengths = (table(name) for name in ("condition_occurrence", "drug_exposure", "drug_strength"))
    write("condition_era", lambda: eras.condition_eras(conditions))
    ingredients = engine.read("ingredients", [layout.ingredients], vocabulary.INGREDIENTS)
    write("drug_era", lambda: eras.drug_eras(drugs, ingredients))
    write("dose_era", lambda: eras.dose_eras(drugs, strengths))


def describe(layout: Layout, source: Source, as_of: date, vocabulary_version: str) -> None:
    """The one row of cdm_source. Its dates are those of the delivery, so that a rebuild is the same."""
    row = {
        "cdm_source_name": source.title,
        "cdm_source_abbreviation": source.name,
        "cdm_holder": "unknown",
        "source_release_date": as_of,
        "cdm_release_date": as_of,
        "cdm_version": "5.4",
        "cdm_version_concept_id": CDM_54,
        "vocabulary_version": vocabulary_version,
    }
    columns = {field.name: field.type for field in tables()["cdm_source"]}
    write_rows(layout.part(layout.cdm, "cdm_source", PART), columns, [tuple(row.get(name) for name in columns)])

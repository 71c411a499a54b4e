"""Coverage: how many codes, and how many records, a standard concept stands for."""

from collections.abc import Mapping
from typing import Final

import ibis.expr.types as ir

from nexus.warehouse.omop.accounts import Coverage
from nexus.warehouse.omop.engine import Engine, Named
from nexus.warehouse.omop.source import REASON, TARGET

COUNTS: Final[Mapping[str, str]] = {
    "target": "string",
    "vocabulary": "string",
    "code": "string",
    "mapped": "boolean",
    "records": "int64",
}


def counted(held: ir.Table) -> ir.Table:
    """Of the events of one piece: records by table, vocabulary and code."""
    usable = held.filter(held[REASON].isnull())
    usable = usable.select(
        target=usable[TARGET], vocabulary=usable.vocabulary, code=usable.shown_code, mapped=usable.concept != 0
    )
    return usable.group_by(["target", "vocabulary", "code", "mapped"]).aggregate(records=usable.count())


def summed(engine: Engine, counts: ir.Table) -> list[Coverage]:
    """Over all pieces."""
    rows = engine.rows(Named("coverage", lambda: _summed(counts)))
    return [Coverage(t, v or "", int(r), int(m), int(c), int(cm)) for t, v, r, m, c, cm in sorted(rows, key=str)]


def _summed(counts: ir.Table) -> ir.Table:
    by_code = counts.group_by(["target", "vocabulary", "code", "mapped"]).aggregate(records=counts.records.sum())
    total = by_code.group_by(["target", "vocabulary"]).aggregate(
        records=by_code.records.sum(),
        mapped=by_code.records.sum(where=by_code.mapped).coalesce(0),
        codes=by_code.code.nunique(),
        codes_mapped=by_code.code.nunique(where=by_code.mapped),
    )
    return total.select("target", "vocabulary", "records", "mapped", "codes", "codes_mapped")

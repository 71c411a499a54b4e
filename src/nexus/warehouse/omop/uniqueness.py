"""Keys stand once in a table: what is told twice is kept once; two things under one key stop everything."""

from pathlib import Path

import ibis
import ibis.expr.types as ir

from nexus.warehouse.omop.engine import Engine, Named
from nexus.warehouse.omop.keys import collision
from nexus.warehouse.omop.layout import PROVENANCE, Layout
from nexus.warehouse.omop.problems import Reason
from nexus.warehouse.omop.spec import primary_key, tables


def settle(engine: Engine, layout: Layout, table: str) -> None:
    """Move duplicates of later parts of a table into quarantine. Raises Conflict on a collision of keys.

    Within a part there are none (`piece`), so that most tables are looked at and left alone.
    """
    parts = sorted((layout.provenance / table).glob("*.parquet"))
    if len(parts) < 2:
        return
    everything = engine.read(f"keys_{table}", parts, PROVENANCE)
    ((duplicates, collisions),) = engine.rows(Named(f"keys of {table} twice", lambda: _twice(everything)))
    if collisions:
        raise collision(int(collisions))
    for part in parts[1:] if duplicates else ():
        _leave_out(engine, layout, table, part)


def _twice(everything: ir.Table) -> ir.Table:
    """How many keys stand twice, and how many of them for two things."""
    by_key = everything.group_by("id").aggregate(
        n=everything.count(), low=everything.check.min(), high=everything.check.max()
    )
    twice = by_key.filter(by_key.n > 1)
    return twice.aggregate(n=twice.count(), collisions=(twice.low != twice.high).sum().coalesce(0))


def moved_duplicates(layout: Layout) -> list[Path]:
    """Where `settle` has put what is told twice."""
    return sorted((layout.quarantine / "records").glob("twice-*.parquet"))


def _leave_out(engine: Engine, layout: Layout, table: str, part: Path) -> None:
    """Rewrite one part without what parts before it hold, and put that into quarantine."""
    before = engine.read("keys_before", _earlier(part), PROVENANCE).select(_before="id").distinct()
    here = engine.read("keys_here", [part], PROVENANCE)
    again = here.semi_join(before, here.id == before._before)
    ((count,),) = engine.rows(again.aggregate(n=again.count()))
    if not count:
        return
    rows = layout.part(layout.cdm, table, part.stem)
    types = {field.name: field.type for field in tables()[table]}
    field = primary_key(table)
    records = engine.read("rows_here", [rows], types)
    if "person_id" in types and field != "person_id":
        whose = records.select(_id=field, _whose="person_id")
        again = again.left_join(whose, again.id == whose._id)
        again = again.mutate(person=again._whose)
    quarantine = again.select(
        target=ibis.literal(table),
        reason=ibis.literal(Reason.DUPLICATE.value),
        file=again.file,
        line=again.line,
        person=again.id if field == "person_id" else again.person,
    )
    engine.write(quarantine, layout.part(layout.quarantine, "records", f"twice-{table}-{part.stem}"))
    kept = records.anti_join(before, records[field] == before._before)
    engine.write(kept, rows)
    engine.write(here.anti_join(before, here.id == before._before), part)


def _earlier(part: Path) -> list[Path]:
    return sorted(path for path in part.parent.glob("*.parquet") if path.name < part.name)

"""Following ties: from those who changed to all that hangs together with them, in the delivery before or in this one.

What hangs together with nothing that changed is the same rows in both, so that nothing about it is converted. Rows that hang together with
nobody are read at each refresh: what they left in quarantine names nobody by whom it could be found again.
"""

# ruff: noqa: S608 - statements are put together from declared columns, and from paths that are quoted

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nexus.warehouse.omop.duckdb_engine import DuckdbEngine, quoted
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.source import Source, SourceTable
from nexus.warehouse.omop.ties import PERSON, TIES

_NOTHING: Final = "SELECT CAST(NULL AS BIGINT) AS person WHERE false"


class Following:
    """Of a source, from one conversion to the next."""

    def __init__(self, source: Source, local: DuckdbEngine, before: Layout, now: Layout) -> None:
        self._tables, self._local, self._before, self._now = source.tables, local, before, now

    def write(self, changed: str, affected: Path, read: Path) -> None:
        """All ties that hang together with those that changed; the same, and those of rows that belong to nobody."""
        sql = self._local.sql
        sql.execute(f"CREATE OR REPLACE TEMP TABLE _affected AS SELECT person FROM ({changed})")
        self._follow()
        self._local.copy("SELECT person FROM _affected", affected)
        self._local.copy(f"SELECT person FROM _affected UNION ALL {self._loose()}", read)

    def _follow(self) -> None:
        tying = [table for table in self._tables if len(table.tied) > 1]
        kept = self._kept(tying, self._before) + self._kept(tying, self._now)
        if not kept:
            return
        rows = f"read_parquet([{', '.join(map(quoted, _distinct(kept)))}])"
        reached = " OR ".join(f"{tie} IN (FROM _reached)" for tie in TIES)
        further = f"SELECT unnest([{', '.join(TIES)}]) AS person FROM {rows} WHERE {reached}"
        self._do("CREATE OR REPLACE TEMP TABLE _reached AS FROM _affected")
        while self._count("_reached"):
            self._do(
                f"CREATE OR REPLACE TEMP TABLE _further AS SELECT DISTINCT person FROM ({further})"
                " WHERE person IS NOT NULL AND person NOT IN (FROM _affected)"
            )
            self._do("INSERT INTO _affected FROM _further")
            self._do("CREATE OR REPLACE TEMP TABLE _reached AS FROM _further")

    def _loose(self) -> str:
        """Ties of rows that belong to nobody, for want of a row that would say to whom."""
        held, alone = [_NOTHING], [_NOTHING]
        for table in self._tables:
            persons, links = _columns(table)
            for path in self._kept([table], self._now) if links else ():
                somebody = " OR ".join(f"{tie} IS NOT NULL" for tie in persons) or "false"
                rows = f"FROM read_parquet({quoted(path)})"
                held += [f"SELECT {link} AS person {rows} WHERE {somebody}" for link in links]
                alone += [f"SELECT {link} AS person {rows} WHERE NOT ({somebody})" for link in links]
        every = f"SELECT DISTINCT person FROM ({' UNION ALL '.join(alone)}) WHERE person IS NOT NULL"
        return f"(SELECT person FROM ({every}) ANTI JOIN ({' UNION ALL '.join(held)}) USING (person))"

    def _kept(self, tables: Sequence[SourceTable], layout: Layout) -> list[Path]:
        paths = (layout.state / f"{table.name}.parquet" for table in tables)
        return [path for path in paths if path.exists()]

    def _do(self, statement: str) -> None:
        self._local.sql.execute(statement)

    def _count(self, table: str) -> int:
        ((count,),) = self._local.sql.execute(f"SELECT count(*) FROM {table}").fetchall()
        return int(count)


def _columns(table: SourceTable) -> tuple[list[str], list[str]]:
    """Which columns hold ties to persons, and which hold others."""
    kinds = dict(zip(TIES, (tie.kind for tie in table.tied), strict=False))
    return [name for name in kinds if kinds[name] == PERSON], [name for name in kinds if kinds[name] != PERSON]


def _distinct(paths: Sequence[Path]) -> list[Path]:
    """What is kept of a table that did not change is one file under two names."""
    return list({(path.stat().st_dev, path.stat().st_ino): path for path in paths}.values())

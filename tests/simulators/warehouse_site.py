"""A warehouse to be, in a test: who is asked by its builds, and what stands in it."""

import itertools
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret
from nexus.warehouse.building.building import Building, Plan, Resources
from nexus.warehouse.omop.converting import Settings
from nexus.warehouse.omop.layout import Layout
from simulators.deliveries import Folders, Patients, Register

KEY = Secret(b"k" * 32)


class Killed(BaseException):
    """What no build catches."""


class Site:
    """A warehouse to be, and everybody whom a build asks."""

    def __init__(self, into: Path, extracts) -> None:
        self.layout, self.extracts = Layout(into), extracts
        self.contents, self.register, self.patients = Folders(), Register(), Patients()
        self.told: list = []

    def killed(self, at: int) -> None:
        """Build, and be killed at the step of this number, the first being 0."""
        steps = itertools.count()

        def kill(step: str, done: int, total: int) -> None:
            if next(steps) == at:
                raise Killed

        with pytest.raises(Killed):
            self.build(progress=kill)

    def build(self, *, again: bool = False, smaller: bool = False, progress=lambda step, done, total: None):
        plan = Plan(
            layout=self.layout,
            settings=Settings(as_of=date.max),
            key=KEY,
            domain="WAREHOUSE",
            resources=Resources("1GB", 1),
            now=lambda: Instant(1),
            again=again,
            smaller=smaller,
        )
        ports = {"contents": self.contents, "pseudonyms": self.register, "decisions": self.patients}
        tell = lambda built, people: self.told.append((built, people))  # noqa: E731
        return Building(plan, **ports, tell=tell, progress=progress).run(self.extracts)

    def ask(self, sql: str) -> list[tuple]:
        db = duckdb.connect()
        for folder in self.layout.cdm.iterdir():
            db.execute(f"CREATE VIEW {folder.name} AS FROM read_parquet('{folder}/**/*.parquet')")
        return db.execute(sql).fetchall()

    def pseudonym(self, provider: str, local: str) -> str | None:
        return self.told[-1][1].naming[provider].pseudonyms.get(local)


def require_none_of(secrets: set[str], folder: Path) -> None:
    """None of these is a value of a table; those that are no short words stand in no value, and in no other file."""
    for path in folder.rglob("*"):
        if not path.is_file() or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue  # what is being written is looked at when it is whole
        if path.name.endswith(".parquet"):
            table = pq.read_table(path)
            for name in table.column_names:
                if table.schema.field(name).type == pa.string():
                    values = [value for value in table.column(name).unique().to_pylist() if value]
                    assert not secrets.intersection(values), (path, name)
                    _require_none_in("\n".join(values), secrets, path)
        else:
            _require_none_in(path.read_text("utf-8", "replace"), secrets, path)


def _require_none_in(text: str, secrets: set[str], path: Path) -> None:
    assert not [one for one in secrets if len(one) > 7 and one in text], path

"""Statements are made once, and kept for the refresh: what is run is always what the mappings say now."""

import os
import shutil
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import ibis
import pytest

from nexus.kernel.secret import Secret
from nexus.warehouse.generator.generating import generate
from nexus.warehouse.generator.model import Asked
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.engine import Named
from nexus.warehouse.omop.fingerprint import fingerprint
from nexus.warehouse.omop.sources.snds import SNDS
from nexus.warehouse.omop.sources.synthea import SYNTHEA
from nexus.warehouse.omop.statements import Statements, about, statements
from nexus.warehouse.omop.together import apart
from nexus.warehouse.omop.vocabulary import Given
from simulators.conversions import AS_OF, convert, refresh
from simulators.mimic_extract import write_mimic
from simulators.synthea_extract import write_athena, write_extract

KEY = Secret(b"a key of tests")


class Doubting(DuckdbEngine):
    """Makes each statement again, whether it is known or not, the first two times that it is asked for."""

    def __init__(self, *args, **settings):
        super().__init__(*args, **settings)
        self.doubted = Counter()

    def statement(self, asked):
        known = super().statement(asked)
        if isinstance(asked, Named) and self.doubted[asked.name] < 2:
            self.doubted[asked.name] += 1
            assert known == self._ibis.compile(asked.make()), asked.name
        return known


class Counting(DuckdbEngine):
    """Tells what had to be made."""

    made: list[str]

    def statement(self, asked):
        if not isinstance(asked, Named):
            return super().statement(asked)

        def make() -> ibis.Table:
            type(self).made.append(asked.name)
            return asked.make()

        return super().statement(replace(asked, make=make))


@dataclass(frozen=True)
class Objected:
    names: tuple[str, ...]

    def persons(self) -> tuple[str, ...]:
        return self.names


@pytest.fixture(autouse=True)
def forgetful():
    """Each test begins as a process does."""
    statements.cache_clear()


def test_a_known_statement_is_what_would_be_made_whatever_is_asked_of_a_conversion(tmp_path):
    """In pieces and whole, with and without those who objected, until another day, and in refreshes of all that."""
    given = Given(write_athena(tmp_path / "athena"))
    write_extract(tmp_path / "in")
    shutil.copytree(tmp_path / "in", tmp_path / "next")
    told = (tmp_path / "next" / "conditions.csv").read_text().splitlines(keepends=True)
    (tmp_path / "next" / "conditions.csv").write_text("".join(told[:-4]))
    asked = {"given": given, "duckdb_engine": Doubting}
    gone = Objected(("p003",))
    for number, settings in enumerate(({"as_of": date(2024, 1, 1)}, {}, {"piece": 20, "excluded": gone})):
        into = tmp_path / f"into-{number}"
        convert("synthea", tmp_path / "in", into, **asked, **settings)
        refresh("synthea", tmp_path / "next", into, **asked, **{**settings, "as_of": AS_OF})
    whole = convert("synthea", tmp_path / "next", tmp_path / "whole", **asked)
    assert fingerprint(tmp_path / "into-0" / "cdm") == fingerprint(whole.layout.cdm)
    assert fingerprint(tmp_path / "into-1" / "cdm") == fingerprint(whole.layout.cdm)


def test_a_refresh_by_another_process_makes_next_to_nothing_anew(tmp_path):
    given = Given(write_athena(tmp_path / "athena"))
    write_extract(tmp_path / "in")
    Counting.made = []
    into, asked = tmp_path / "into", {"given": given, "duckdb_engine": Counting}
    convert("synthea", tmp_path / "in", into, **asked)
    first, Counting.made = Counting.made, []
    assert len(first) == len(set(first)) > 40, "each once"
    mode = (into / "state" / "statements").stat().st_mode
    assert mode & 0o777 == 0o600
    for made, name in enumerate(("one", "two")):
        statements.cache_clear()
        shutil.copytree(tmp_path / "in", tmp_path / name)
        with (tmp_path / name / "conditions.csv").open("a") as file:
            file.write((tmp_path / "in" / "conditions.csv").read_text().splitlines()[1 + made] + "\n")
        refresh("synthea", tmp_path / name, into, **asked)
        assert not set(Counting.made) & set(first)
        assert len(Counting.made) <= (0 if made else 30), "what only a refresh asks, once"
        Counting.made = []


@pytest.mark.parametrize("source", ["mimic", "snds"])
def test_other_sources_know_their_statements_too(tmp_path, source):
    if source == "mimic":
        write_mimic(tmp_path / "in")
        folder = tmp_path / "in"
    else:
        generate(Asked(people=20, hospitals=1, seed=1), tmp_path / "made")
        folder = tmp_path / "made" / "snds" / "delivery-1"
    convert(source, folder, tmp_path / "one", duckdb_engine=Doubting)
    two = convert(source, folder, tmp_path / "two", duckdb_engine=Doubting, piece=30)
    assert fingerprint(tmp_path / "one" / "cdm") == fingerprint(two.layout.cdm)


def kept(folder: Path, key: Secret = KEY, means: str = "this") -> Path:
    made = Statements(means)
    made.of(Named("a", lambda: ibis.table({"x": "int64"}, name="t")), lambda expr: "SELECT 1")
    path = folder / "statements"
    made.keep(path, key)
    return path


def is_known(path: Path, key: Secret = KEY, means: str = "this") -> bool:
    found = Statements(means)
    found.recall(path, key)
    return found.of(Named("a", lambda: ibis.table({"x": "int64"}, name="t")), lambda expr: "SELECT 2") == "SELECT 1"


def test_only_what_the_same_key_has_written_about_the_same_is_run(tmp_path):
    path = kept(tmp_path)
    assert is_known(path)
    assert not is_known(path, key=Secret(b"another key"))
    assert not is_known(path, means="that")
    assert not is_known(tmp_path / "nothing")
    assert not is_known(tmp_path), "a folder is no file of statements"
    genuine = path.read_bytes()
    for place in range(len(genuine)):
        path.write_bytes(genuine[:place] + bytes([genuine[place] ^ 1]) + genuine[place + 1 :])
        assert not is_known(path), place
    for length in range(len(genuine)):
        path.write_bytes(genuine[:length])
        assert not is_known(path), length


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_run(tmp_path, mode):
    path = kept(tmp_path)
    path.chmod(mode)
    assert not is_known(path)
    path.chmod(0o600)
    assert is_known(path)


def test_a_file_of_somebody_else_is_not_run(tmp_path, monkeypatch):
    path, other = kept(tmp_path), os.geteuid() + 1
    assert is_known(path)
    monkeypatch.setattr(os, "geteuid", lambda: other)  # only root could give the file away instead
    assert not is_known(path)


def test_what_statements_are_about_is_all_that_they_follow_from():
    mapping, *others = SYNTHEA.mappings
    tables = tuple(replace(table, columns=table.columns[::-1]) for table in SYNTHEA.tables)
    different = [
        SYNTHEA,
        SNDS,
        apart(SYNTHEA, "other_"),
        replace(SYNTHEA, tables=tables),
        replace(SYNTHEA, mappings=tuple(others)),
        replace(SYNTHEA, mappings=(replace(mapping, build=others[0].build), *others)),
        replace(SYNTHEA, mappings=(replace(mapping, by_piece=not mapping.by_piece), *others)),
        replace(SYNTHEA, vocabularies=()),
        replace(SYNTHEA, observed_by=SYNTHEA.observed_by[1:]),
        replace(SYNTHEA, period_type=1),
        replace(SYNTHEA, shifted=frozenset(["conditions"])),
    ]
    assert len({about(source) for source in different}) == len(different)
    assert about(SYNTHEA) == about(replace(SYNTHEA))
    assert about(apart(SYNTHEA, "other_")) == about(apart(SYNTHEA, "other_"))
    passing = replace(SYNTHEA, mappings=(replace(mapping, build=lambda inputs: inputs.driver()), *others))
    assert about(passing) != about(passing), "what is made while others run has no name of its own"


def test_an_expression_that_reads_more_than_it_says_is_refused():
    known = Statements("this")
    asked = Named("a", lambda: ibis.table({"x": "int64"}, name="t"), ["patients"])
    known.of(asked, lambda expr: "SELECT 1")
    with pytest.raises(LookupError, match="patients"):
        known.of(asked, lambda expr: "SELECT 1")

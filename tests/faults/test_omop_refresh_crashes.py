"""A refresh that is killed leaves what stood, or what was to come; run again, it ends in what a full conversion gives."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nexus.warehouse.omop.fingerprint import whole
from nexus.warehouse.omop.vocabulary import Given
from simulators.claims_edits import Claims, write_claims
from simulators.conversions import convert, refresh
from simulators.synthea_extract import write_athena, write_extract

HERE = Path(__file__).parent
PLACES = ("cdm", "provenance", "quarantine", "state", "files.parquet", "conversion.json", "refresh.json")
STEPS = ("read patients.csv", "person-patients", "events-conditions", "eras and periods", "merge", "moved")
MOVES = tuple(
    f"move {name}{when}" for name in PLACES for when in ("", " in") if (name, when) != ("refresh.json", " in")
)


@pytest.fixture(scope="module")
def stood(tmp_path_factory):
    """A conversion, the delivery after it, and the two hashes that its CDM may have."""
    at = tmp_path_factory.mktemp("refresh")
    athena = Given(write_athena(at / "athena"))
    write_extract(at / "first")
    write_extract(at / "second", persons=13)
    text = (at / "second" / "patients.csv").read_text()
    (at / "second" / "patients.csv").write_text(text.replace("Lyon,ARA,69001", "Lyon,ARA,69002", 3))
    before = convert("synthea", at / "first", at / "into", given=athena)
    after = convert("synthea", at / "second", at / "whole", given=athena)
    return at, whole(before.layout.cdm), whole(after.layout.cdm)


def start(at: Path, into: Path, step: str, source: str = "synthea") -> subprocess.Popen:
    path = os.pathsep.join([str(HERE.parent), *sys.path])
    athena = at / "athena"
    arguments = [str(at / "second"), str(into), str(athena) if athena.exists() else "", step, source]
    return subprocess.Popen(
        [sys.executable, str(HERE / "omop_refresh.py"), *arguments],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.DEVNULL,
    )


def test_killed_before_each_step_it_goes_on_and_ends_in_the_same(stood, tmp_path):
    """One conversion, killed before one step after the other: each run goes on where the one before it died."""
    at, before, after = stood
    shutil.copytree(at / "into", tmp_path / "into")
    for step in STEPS[:-1]:
        assert start(at, tmp_path / "into", step).wait() == -signal.SIGKILL, step
        assert whole(tmp_path / "into" / "cdm") == before, f"{step}: what stands is as it was"
    refresh("synthea", at / "second", tmp_path / "into", given=Given(at / "athena"))
    assert whole(tmp_path / "into" / "cdm") == after


def test_killed_within_the_move_it_is_finished_by_whoever_comes_next(stood, tmp_path):
    at, _, after = stood
    shutil.copytree(at / "into", tmp_path / "into")
    for step in (*MOVES, STEPS[-1]):
        assert start(at, tmp_path / "into", step).wait() == -signal.SIGKILL, step
    told = refresh("synthea", at / "second", tmp_path / "into", given=Given(at / "athena"))
    assert (told.number, told.added, told.changed) == (1, 1, 3)
    assert whole(tmp_path / "into" / "cdm") == after
    assert sorted(path.name for path in (tmp_path / "into").iterdir()) == sorted(
        {*PLACES, "local-concepts.csv", "refresh-spill"} & {path.name for path in (tmp_path / "into").iterdir()}
    )


def test_killed_at_random_moments_it_ends_in_the_same(stood, tmp_path):
    at, before, after = stood
    chance = random.Random(5)
    shutil.copytree(at / "into", tmp_path / "into")
    for _ in range(5):
        running = start(at, tmp_path / "into", "")
        time.sleep(chance.uniform(0.5, 6))
        running.kill()
        running.wait()
        if (tmp_path / "into" / "cdm").exists() and (tmp_path / "into" / "refresh").exists():
            assert whole(tmp_path / "into" / "cdm") in (before, after)
    refresh("synthea", at / "second", tmp_path / "into", given=Given(at / "athena"))
    assert whole(tmp_path / "into" / "cdm") == after


def test_of_claims_too_it_goes_on_wherever_it_was_killed(tmp_path):
    """Whose a claim is was followed from table to table: what was found is kept from one run to the next."""
    write_claims(tmp_path)
    claims = Claims(tmp_path / "in")
    for number, what in enumerate(("parent-moves", "parent-gone", "person-renamed", "child-changes", "person-gone")):
        claims.edit(what, number)
    claims.write(tmp_path / "second")
    before = convert("snds", tmp_path / "in", tmp_path / "into")
    after = convert("snds", tmp_path / "second", tmp_path / "whole")
    assert (stood := whole(before.layout.cdm)) != whole(after.layout.cdm)
    for step in ("compare er_pha_f", "person-ir_ben_r", "events-er_pha_f", "merge", "move cdm in"):
        assert start(tmp_path, tmp_path / "into", step, "snds").wait() == -signal.SIGKILL, step
        if not step.startswith("move"):
            assert whole(tmp_path / "into" / "cdm") == stood, f"{step}: what stands is as it was"
    told = refresh("snds", tmp_path / "second", tmp_path / "into")
    assert not told.everything and told.changed
    assert whole(tmp_path / "into" / "cdm") == whole(after.layout.cdm)

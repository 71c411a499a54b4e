"""Changes that are killed while the whole delivery is made of them: what stands is as it was, and the next run goes on to the end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from nexus.warehouse.generator.generating import generate
from nexus.warehouse.generator.model import Asked
from nexus.warehouse.omop.fingerprint import whole
from nexus.warehouse.omop.layout import Layout
from simulators.conversions import convert

HERE = Path(__file__).parent


def apply(folder: Path, into: Path, number: int) -> int:
    path = os.pathsep.join([str(HERE.parent), *sys.path])
    asked = [sys.executable, str(HERE / "omop_changes.py"), str(folder), str(into), str(number)]
    return subprocess.run(asked, env={**os.environ, "PYTHONPATH": path}, check=False, capture_output=True).returncode


def test_killed_before_each_thing_that_it_does_to_the_disk_it_ends_in_the_same(tmp_path):
    """One conversion, killed later and later: each run finds what the one before it has left half done."""
    for name, second in (("changes", False), ("whole", True)):
        generate(Asked(people=12, hospitals=1, seed=3, years=1, late=0.5, bad_rows=0, whole=second), tmp_path / name)
    first, changes = (tmp_path / "changes" / "hospital-1" / f"delivery-{number}" for number in (1, 2))
    before = whole(convert("synthea", first, tmp_path / "into").layout.cdm)
    after = whole(convert("synthea", tmp_path / "whole" / "hospital-1" / "delivery-2", tmp_path / "after").layout.cdm)
    assert before != after
    killed, number = 0, 1
    while (code := apply(changes, tmp_path / "into", number)) == -signal.SIGKILL:
        assert whole(tmp_path / "into" / "cdm") == before
        killed, number = killed + 1, number + 4
    assert code == 0 and killed > 3
    assert whole(tmp_path / "into" / "cdm") == after
    left = [path.name for path in Layout(tmp_path / "into").accumulated.iterdir()]
    assert len(left) == 2 and not [name for name in left if name.startswith(".")]

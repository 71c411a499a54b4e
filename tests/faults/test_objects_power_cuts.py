"""The power fails while twelve writers write: what a disk may hold then, with unsynced writes lost and torn.

What was acknowledged is there and equal, what was not is there whole or not at all, and the log agrees with the rows.
NEXUS_CRASH_RUNS examines more states (default 15); `tests/faults/crashes.py` a thousand.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

RUNS = int(os.environ.get("NEXUS_CRASH_RUNS", "15"))
WAIT_S = 60 + 10 * RUNS


def cuts(folder: Path, *options: str) -> dict:
    """In a process of its own: the file layer that remembers becomes the default of its process."""
    command = [sys.executable, "-m", "simulators.power_cuts", str(folder), str(RUNS), os.urandom(4).hex(), *options]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=WAIT_S, check=True
    )
    return json.loads(done.stdout)


def test_what_was_acknowledged_survives_a_power_cut_and_nothing_half_appears(tmp_path):
    outcome = cuts(tmp_path / "honest")
    assert outcome["wrong"] == []
    assert outcome["states"] == RUNS
    assert outcome["acknowledged"] > RUNS, "the writers came to write"


def test_a_disk_that_lies_about_syncing_is_found_out(tmp_path):
    """The negative control: the same examination sees losses where there are some."""
    assert cuts(tmp_path / "lying", "lying")["wrong"] != []

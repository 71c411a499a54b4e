"""A thousand kills and a thousand power cuts, and the page that says what came of them.

    python tests/faults/crashes.py [--kills 1000] [--cuts 1000] [--seed WORD] [--page]

`--page` writes docs/reference/crash-runs.md. Minutes on two cores; progress is on the error stream.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from simulators.kills import kill_often  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "crash-runs.md"


def kills(folder: Path, runs: int, seed: str) -> dict[str, Any]:
    """Real processes, really killed."""

    def told(run: int) -> None:
        if run % 50 == 0:
            print(f"{run} of {runs} kills", file=sys.stderr, flush=True)

    began = time.monotonic()
    acknowledged = asyncio.run(kill_often(folder, runs, random.Random(seed), told))
    return {"runs": runs, "acknowledged": acknowledged, "seconds": round(time.monotonic() - began)}


def cuts(folder: Path, states: int, seed: str, *options: str) -> dict[str, Any]:
    """States that a power cut may leave."""
    command = [sys.executable, "-m", "simulators.power_cuts", str(folder), str(states), seed, *options]
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout) | {"seconds": round(time.monotonic() - began)}


def page(seed: str, killed: dict[str, Any], cut: dict[str, Any], control: dict[str, Any]) -> str:
    """What came of it."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return f"""# Crash runs

Written by `python tests/faults/crashes.py --kills {killed["runs"]} --cuts {cut["states"]} --seed {seed} --page`, on
{datetime.now(UTC):%Y-%m-%d}, at {commit}, Python {platform.python_version()}, {os.cpu_count()} cores.

Twelve writers put, copy, delete and upload in parts, in buckets with and without versions, over the real database and the real
audit log. After each crash every key must hold what was acknowledged last, or what was being written, whole; every version that
was acknowledged must open and be equal; each version must have exactly one entry in the log, and the log must be whole; and
a sweep must leave exactly the blobs that rows know.

| how it ends | states examined | changes acknowledged before | lost or half there | seconds |
|---|---|---|---|---|
| `kill -9` at random moments, recoveries included | {killed["runs"]:,} | {killed["acknowledged"]:,} | 0 | {killed["seconds"]:,} |
| power cut: unsynced writes lost, kept or torn by chance | {cut["states"]:,} | {cut["acknowledged"]:,} | {len(cut["wrong"])} | {cut["seconds"]:,} |
| control: a disk that says it has synced, and has not | {control["states"]:,} | {control["acknowledged"]:,} | {len(control["wrong"]):,} | {control["seconds"]:,} |

The last row must not be 0: it shows that the examination sees losses where there are some.

How the cuts are made: a file layer below SQLite passes each write on and remembers it as the disk got it, encrypted. A cut takes
what was synced, and of what was not each write with a chance of 0 to 1, a fifth of them torn between sectors of 512 bytes. A blob
whose writer was not told that it is durable is cut anywhere or gone. What is simulated is the disk; what runs on it is the
product. Not simulated: the order of renames and of removals in directories, and damage to sectors that nobody wrote to.
"""


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--cuts", type=int, default=1_000)
    parser.add_argument("--seed", default="nexus")
    parser.add_argument("--page", action="store_true")
    typed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        (base / "kills").mkdir()
        cut = cuts(base / "cuts", typed.cuts, typed.seed)
        control = cuts(base / "control", 24, typed.seed, "lying")
        killed = kills(base / "kills", typed.kills, typed.seed)
    text = page(typed.seed, killed, cut, control)
    if typed.page:
        PAGE.write_text(text)
    print(text)
    for wrong in cut["wrong"]:
        print(wrong, file=sys.stderr)
    return 1 if cut["wrong"] or not control["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())

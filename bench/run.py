"""Runs every benchmark of this folder, beside the limits of this machine, and prints one table.

    .venv/bin/python bench/run.py [--rounds N] [--only kms,audit] [--output figures.json]

The limits are measured before and after; the table shows the first, and says if the machine changed speed meanwhile.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from harness import ROUNDS, Figure, save, show
from limits import LIMITS, measure_limits

HERE = Path(__file__).resolve().parent
BENCHMARK = "\n    main(measure)"
"""How a benchmark ends; files without it are parts of benchmarks."""
TIMEOUT_S = 900
DRIFT = 0.25
"""A limit that moved by more than this share between start and end makes the ratios doubtful."""


def programs(only: set[str]) -> list[Path]:
    """The benchmarks, by name."""
    found = [path for path in sorted(HERE.glob("*.py")) if BENCHMARK in path.read_text() and path.stem != "limits"]
    return [path for path in found if not only or path.stem in only]


def run(program: Path, rounds: int) -> list[Figure]:
    """The figures of one benchmark, or one line that says why there are none."""
    command = [sys.executable, str(program), "--json", "--rounds", str(rounds)]
    try:
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=TIMEOUT_S)
        return [Figure(**row) for row in json.loads(done.stdout.splitlines()[-1])]
    except (subprocess.SubprocessError, ValueError, IndexError, TypeError) as error:
        print(f"{program.stem} gave no figures: {error}", file=sys.stderr)
        return []


def drifted(before: dict[str, Figure], after: dict[str, Figure]) -> list[str]:
    """The limits that did not stay where they were."""
    return [name for name, was in before.items() if abs(after[name].value / was.value - 1) > DRIFT]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--output", type=Path)
    chosen = arguments.parse_args()

    chosen_programs = programs(set(filter(None, chosen.only.split(","))))
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, Linux {platform.release()}; medians of {chosen.rounds} rounds"
    )
    before = measure_limits(LIMITS, rounds=3)
    show(before.values(), {})
    figures: dict[str, list[Figure]] = {}
    for program in chosen_programs:
        print(f"\n{program.stem}", flush=True)
        figures[program.stem] = run(program, chosen.rounds)
        show(figures[program.stem], before)
    after = measure_limits(LIMITS, rounds=3)
    if moved := drifted(before, after):
        print(f"\nthe machine changed speed while this ran: {', '.join(moved)}; read the ratios with care")
    if chosen.output:
        rows = {name: [asdict(each) for each in found] for name, found in figures.items()}
        save(chosen.output, {"limits": {name: asdict(each) for name, each in before.items()}, "figures": rows})
    return 0 if all(figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Runs every benchmark of this folder, beside the limits of this machine, and prints one table.

    .venv/bin/python bench/run.py [--rounds N] [--only kms,audit] [--output figures.json] [--page]

`--page` writes the tables into docs/explanation/performance.md, and the plots into docs/images/performance. Each section says
when it was taken and under which load; with `--only`, the others stay as they are. `--only engines` stands for those that
compare engines, growth and servers.

The limits are measured before and after; the table shows the first, and says if the machine changed speed meanwhile.
"""

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from harness import ROUNDS, Figure, markdown, save, show
from limits import LIMITS, measure_limits
from plots import draw, series

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "explanation" / "performance.md"
START, END = "<!-- figures -->\n", "<!-- end of figures -->\n"
BENCHMARK = "\n    main(measure)"
"""How a benchmark ends; files without it are parts of benchmarks."""
TIMEOUT_S = 900
"""Unless a benchmark says another (`TIMEOUT_S`)."""
ENGINES = (
    "engine_sqlite",
    "engine_postgresql",
    "engine_copies",
    "engine_remote",
    "growth",
    "scale_sizes",
    "scale_clients",
    "scale_processes",
    "http_engine",
)
IMAGES = PAGE.parent.parent / "images" / "performance"
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
        limit = getattr(importlib.import_module(program.stem), "TIMEOUT_S", TIMEOUT_S)
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=limit)
        return [Figure(**row) for row in json.loads(done.stdout.splitlines()[-1])]
    except (subprocess.SubprocessError, ImportError, ValueError, IndexError, TypeError) as error:
        print(f"{program.stem} gave no figures: {error}", file=sys.stderr)
        return []


def drifted(before: dict[str, Figure], after: dict[str, Figure]) -> list[str]:
    """The limits that did not stay where they were."""
    return [name for name, was in before.items() if abs(after[name].value / was.value - 1) > DRIFT]


def machine(rounds: int) -> str:
    """One line about where and how the figures were taken."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        "",
    )
    return (
        f"{os.cpu_count()} cores ({model}), Linux {platform.release()}, Python {platform.python_version()}, "
        f"{time.strftime('%Y-%m-%d')}; medians of {rounds} rounds; load average at the start {os.getloadavg()[0]:.1f}"
    )


def sections(text: str) -> dict[str, str]:
    """What stands between the marks of the page, by heading."""
    inside = text.split(START)[1].split(END)[0]
    found = {}
    for part in inside.split("\n### ")[1:]:
        heading, _, rest = part.partition("\n")
        found[heading] = rest.strip("\n")
    return found


def write_page(about: str, limits: dict[str, Figure], figures: dict[str, list[Figure]], moved: list[str]) -> None:
    """Replace the sections that were measured; each says when and how."""
    text = PAGE.read_text()
    written = sections(text)
    doubt = f" These limits moved while it ran, so ratios to them are rough: {', '.join(moved)}." if moved else ""
    written["Limits of the machine"] = f"{about}.{doubt}\n\n{markdown(limits.values(), {}).rstrip()}"
    for name, found in figures.items():
        if found:
            written[name] = f"{about}.{doubt}\n\n{_plot(name, found)}{markdown(found, limits).rstrip()}"
    first = written.pop("Limits of the machine")
    parts = [("Limits of the machine", first), *sorted(written.items())]
    body = "\n\n".join(f"### {heading}\n\n{rest}" for heading, rest in parts)
    PAGE.write_text(text.split(START)[0] + START + "\n" + body + "\n\n" + END + text.split(END)[1])


def _plot(name: str, figures: list[Figure]) -> str:
    """Draw the points among the figures, where a benchmark says how (`PLOT`); returns what the page shows of it."""
    lines = series(figures)
    how = getattr(importlib.import_module(name), "PLOT", None) if lines else None
    if how is None:
        return ""
    draw(IMAGES / f"{name}.svg", *how, lines)
    return f"![{how[0]}](../images/performance/{name}.svg)\n\n"


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--output", type=Path)
    arguments.add_argument("--page", action="store_true")
    chosen = arguments.parse_args()

    only = set(filter(None, chosen.only.split(",")))
    chosen_programs = programs(only - {"engines"} | (set(ENGINES) if "engines" in only else set()))
    about = machine(chosen.rounds)
    print(about)
    before = measure_limits(LIMITS, rounds=3)
    show(before.values(), {})
    figures: dict[str, list[Figure]] = {}
    for program in chosen_programs:
        print(f"\n{program.stem}", flush=True)
        figures[program.stem] = run(program, chosen.rounds)
        show(figures[program.stem], before)
    after = measure_limits(LIMITS, rounds=3)
    moved = drifted(before, after)
    if moved:
        print(f"\nthe machine changed speed while this ran: {', '.join(moved)}; read the ratios with care")
    if chosen.output:
        rows = {name: [asdict(each) for each in found] for name, found in figures.items()}
        save(chosen.output, {"limits": {name: asdict(each) for name, each in before.items()}, "figures": rows})
    if chosen.page:
        write_page(about, before, figures, moved)
    return 0 if all(figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

"""What every benchmark shares: rounds, medians, figures beside a limit of this machine, one way to print them.

A benchmark is a program `bench/<name>.py` with a function `measure(rounds) -> Iterable[Figure]` and, at its end,
`main(measure)`. It runs alone (`.venv/bin/python bench/<name>.py`) or with all others (`make bench`). Numbers are never
asserted: a benchmark that is slow today fails nothing.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROUNDS = 5
SECONDS_A_ROUND = 1.0
GIB = 1 << 30


@dataclass(frozen=True)
class Figure:
    """One measured number. `limit` names a row of bench/limits.py; the ratio to it is printed beside the number."""

    what: str
    value: float
    unit: str
    """`GiB/s`, `/s`, `ms`, `us`, `CPU-s/GiB`, `MiB`, …"""
    low: float | None = None
    high: float | None = None
    limit: str | None = None
    target: str = ""
    """What targets.md asks for, in its words."""
    note: str = ""
    line: str = ""
    """Of a figure that is a point of a plot: which line, and where on it."""
    at: float | None = None


def rate(work: Callable[[], int], *, rounds: int = ROUNDS, seconds: float = SECONDS_A_ROUND) -> list[float]:
    """Units of work a second, one number a round. `work` does a piece and returns how many units that was."""
    work()
    rates = []
    for _ in range(rounds):
        done, start = 0, time.perf_counter()
        while (took := time.perf_counter() - start) < seconds:
            done += work()
        rates.append(done / took)
    return rates


def latencies(call: Callable[[], object], count: int) -> list[float]:
    """Seconds that each of `count` calls took."""
    call()
    took = []
    for _ in range(count):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    return took


def percentile(samples: Sequence[float], percent: float) -> float:
    """The value that `percent` of the samples do not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def figure(
    what: str, samples: Sequence[float], unit: str, *, limit: str | None = None, target: str = "", note: str = ""
) -> Figure:
    """The median of the rounds, with the lowest and the highest."""
    return Figure(what, statistics.median(samples), unit, min(samples), max(samples), limit, target, note)


def main(measure: Callable[[int], Iterable[Figure]]) -> None:
    """Run one benchmark as a program. `--json` prints figures for `bench/run.py`; else a table beside the limits."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    figures = list(measure(chosen.rounds))
    if chosen.json:
        print(json.dumps([asdict(each) for each in figures]))
        return
    from limits import measure_limits

    show(figures, measure_limits({each.limit for each in figures if each.limit}, rounds=3))


HEADINGS = ("what", "median", "lowest … highest", "beside the limit", "target", "note")


def markdown(figures: Iterable[Figure], limits: dict[str, Figure]) -> str:
    """The same table for a page."""
    rows = [HEADINGS, ("---",) * len(HEADINGS), *(row(each, limits) for each in figures)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def show(figures: Iterable[Figure], limits: dict[str, Figure]) -> None:
    """Print a table: the number, its spread, its ratio to the machine's limit, the target."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in HEADINGS:
        table.add_column(heading, justify="right" if heading == "median" else "left")
    for each in figures:
        table.add_row(*row(each, limits))
    Console(width=200, highlight=False).print(table)


def row(each: Figure, limits: dict[str, Figure]) -> tuple[str, ...]:
    """The cells of one figure."""
    spread = "" if each.low is None or each.high is None else f"{number(each.low)} … {number(each.high)}"
    beside = ""
    if each.limit and (limit := limits.get(each.limit)):
        beside = f"{number(each.value / limit.value)} of {number(limit.value)} {limit.unit} ({each.limit})"
    return each.what, f"{number(each.value)} {each.unit}", spread, beside, each.target, each.note


def number(value: float) -> str:
    """Three significant digits, no exponent."""
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def save(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=1) + "\n")

"""The report of a run: one HTML file without script and without anything from elsewhere, to read, print and keep."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from nexus.kernel.clock import SECOND
from nexus.warehouse.quality.checks import Category, Severity
from nexus.warehouse.quality.results import Comparison, Result, Run, State, tally
from nexus.warehouse.quality.texts import TEXTS, Texts
from nexus.warehouse.quality.trends import Domain

SHOWN: Final = 200
"""Failures in the table of the report; the kept run has them all."""
CHART_WIDTH: Final = 640
CHART_HEIGHT: Final = 90

_environment = Environment(
    loader=PackageLoader("nexus.warehouse.quality"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(
    run: Run,
    domains: Sequence[Domain],
    comparison: Comparison | None = None,
    *,
    blocking: Sequence[Severity] = (Severity.FATAL,),
    french: bool = False,
) -> str:
    """The report as HTML. `blocking`: the severities whose failure stops a release."""
    texts = TEXTS["fr" if french else "en"]
    failures = run.failed()
    stopping = [result for result in failures if result.severity in blocking]
    return _environment.get_template("report.html").render(
        t=texts,
        language="fr" if french else "en",
        run=run,
        at=_moment(run.at),
        since=None if comparison is None else _moment(comparison.since),
        verdict=texts.stops if stopping else texts.passes,
        stopping=len(stopping),
        categories=_categories(run, texts),
        severities={severity: len(run.failed(severity)) for severity in Severity},
        failures=[_failure(result, texts) for result in failures[:SHOWN]],
        hidden=max(0, len(failures) - SHOWN),
        domains=[(domain, texts.tables.get(domain.table, domain.table), bars(domain)) for domain in domains],
        comparison=comparison,
        number=lambda value: _number(value, french),
        percent=lambda value: _percent(value, french),
        width=CHART_WIDTH,
        height=CHART_HEIGHT,
    )


def bars(domain: Domain) -> list[tuple[float, float, float, float, str]]:
    """A bar for each month: x, y, width, height, and what it says. Months without records are gaps, as in the data."""
    if not domain.months:
        return []
    first, last = _index(domain.months[0].month), _index(domain.months[-1].month)
    most = max(month.records for month in domain.months)
    step = CHART_WIDTH / (last - first + 1)
    found = []
    for month in domain.months:
        height = CHART_HEIGHT * month.records / most
        x = (_index(month.month) - first) * step
        found.append((x, CHART_HEIGHT - height, max(step * 0.8, 0.5), height, f"{month.month}: {month.records}"))
    return found


def _categories(run: Run, texts: Texts) -> list[tuple[str, dict[State, int], float]]:
    """Each category with its counts and the share that passed of what could be looked at."""
    counted = tally(run.results)
    rows = []
    for category in Category:
        states = counted[category]
        looked = states[State.PASSED] + states[State.FAILED]
        rows.append((texts.categories[category], states, 100.0 * states[State.PASSED] / looked if looked else 0.0))
    return rows


def _failure(result: Result, texts: Texts) -> Mapping[str, Any]:
    where = f"{result.table}.{result.field}" if result.field else result.table
    return {
        "severity": texts.severities[result.severity],
        "grave": result.severity is Severity.FATAL,
        "what": texts.kinds[result.kind],
        "where": where + (f" = {' '.join(map(str, result.concepts))}" if result.concepts else ""),
        "violated": result.violated,
        "looked_at": result.looked_at,
        "percent": result.percent,
        "threshold": result.threshold,
    }


def _index(month: str) -> int:
    year, _, number = month.partition("-")
    return int(year) * 12 + int(number)


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _number(value: int, french: bool) -> str:
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}" if french else ",")


def _percent(value: float, french: bool) -> str:
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return text.replace(".", ",") + "\N{NO-BREAK SPACE}%" if french else text + "%"

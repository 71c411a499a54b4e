"""The report of a cohort: one HTML file without script and without anything from elsewhere. It is made of what may be told."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from nexus.kernel.clock import SECOND
from nexus.warehouse.cohorts.drawing import love_plot
from nexus.warehouse.cohorts.texts import TEXTS, Texts
from nexus.warehouse.cohorts.told import StepTold, Told

_environment: Final = Environment(
    loader=PackageLoader("nexus.warehouse.cohorts"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(answer: Told, *, french: bool = False) -> str:
    """The report as HTML."""
    texts = TEXTS["fr" if french else "en"]
    return _environment.get_template("cohort.html").render(
        t=texts,
        language="fr" if french else "en",
        answer=answer,
        at=datetime.fromtimestamp(answer.at / SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        steps=_steps(answer.steps, texts),
        pool_steps=_steps(answer.pool_steps, texts),
        plot=Markup(plot(answer, french=french)),  # noqa: S704 - drawn here; names are escaped there
        number=lambda value: texts.hidden if value is None else _number(value, french=french),
        measure=lambda value, is_share: _measure(value, is_share=is_share, french=french),
    )


def plot(answer: Told, *, french: bool = False) -> str:
    """The drawing of the balance alone; empty without matching."""
    texts = TEXTS["fr" if french else "en"]
    if answer.matching is None or not any(row.after is not None for row in answer.matching.balance):
        return ""
    return love_plot(answer.matching.balance, before=texts.before, after=texts.after, title=texts.balance)


def _steps(steps: Sequence[StepTold], texts: Texts) -> list[dict[str, Any]]:
    """Each step with whom it left out: the difference of two counts that are shown side by side."""
    rows: list[dict[str, Any]] = []
    before: int | None = None
    for step in steps:
        group, colon, name = step.name.partition(": ")
        said = f"{texts.steps[group]}{colon}{name}" if colon else texts.steps.get(step.name, step.name)
        lost = None if before is None or step.persons is None else before - step.persons
        rows.append({"name": said, "persons": step.persons, "lost": lost})
        before = step.persons
    return rows


def _number(value: int, *, french: bool) -> str:
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}" if french else ",")


def _measure(value: float | None, *, is_share: bool, french: bool) -> str:
    if value is None:
        return "—"
    text = f"{100 * value:.1f} %" if is_share else f"{value:.2f}"
    return text.replace(".", ",") if french else text

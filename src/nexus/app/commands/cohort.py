"""`nexus warehouse cohort`: who is in a study, and controls that resemble them."""

import os
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.table import Table

from nexus.app.cli.options import json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.kernel.clock import SystemClock
from nexus.kernel.errors import Invalid
from nexus.warehouse.cohorts import definition, findings, report, told, writing
from nexus.warehouse.cohorts.told import Told
from nexus.warehouse.quality.cdm import MEMORY, open_cdm


def _cohort(file: Path, folder: Path, **typed: Any) -> int:
    screen = terminal(typed["as_json"])
    asked = definition.load(file)
    with screen.progress() as bar, open_cdm(folder, memory=typed["memory"], threads=typed["threads"]) as cdm:
        bar.add_task("", total=None)
        found = findings.find(cdm, asked, file.read_bytes())
    answer = findings.told(found, typed["name"] or folder.resolve().name, SystemClock().now())
    if typed["into"] is not None:
        writing.write(found, typed["into"])
    if typed["report"] is not None:
        _write(typed["report"], report.render(answer, french=screen.french).encode())
    if typed["result"] is not None:
        _write(typed["result"], told.encode(answer))
    if typed["plot"] is not None:
        drawing = report.plot(answer, french=screen.french)
        if not drawing:
            raise Invalid("there is no balance to draw: the definition asks for no controls, or none may be shown",
                          code="warehouse.cohort-plot")  # fmt: skip
        _write(typed["plot"], drawing.encode())
    _show(screen, answer)
    return 0


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    new.replace(path)


def _show(screen: Terminal, answer: Told) -> None:
    if screen.json:
        screen.document(msgspec.to_builtins(answer))
        return
    table = Table(box=None, header_style="dim")
    table.add_column(screen.say("cohort.step"))
    table.add_column(screen.say("cohort.persons"), justify="right")
    for step in (*answer.steps, *answer.pool_steps):
        table.add_row(step.name, _count(screen, step.persons))
    screen.show(table)
    if answer.matching is not None:
        served = ", ".join(f"{row.controls}: {_count(screen, row.cases)}" for row in answer.matching.served)
        screen.note(f"{screen.say('cohort.served')} {served}")
        worst = max((abs(row.after) for row in answer.matching.balance if row.after is not None), default=None)
        if worst is not None:
            screen.note(f"{screen.say('cohort.worst')} {worst:.3f}")
    screen.note(screen.say("cohort.masked"))


def _count(screen: Terminal, count: int | None) -> str:
    return screen.say("cohort.hidden") if count is None else f"{count:,}"


_FILE: Final = click.Path(dir_okay=False, path_type=Path)

cohort_command = click.Command(
    "cohort",
    callback=_cohort,
    params=[
        click.Argument(["file"], type=click.Path(exists=True, dir_okay=False, path_type=Path)),
        click.Argument(["folder"], type=click.Path(exists=True, file_okay=False, path_type=Path)),
        click.Option(
            ["--into"],
            type=click.Path(file_okay=False, path_type=Path),
            help="A folder for who is in it: cohort.parquet, and matches.parquet where controls were drawn.",
        ),
        click.Option(["--report"], type=_FILE, help="Write a report that people read (HTML)."),
        click.Option(["--result"], type=_FILE, help="Write the same for programs (JSON)."),
        click.Option(["--plot"], type=_FILE, help="Write the drawing of the balance alone (SVG)."),
        click.Option(["--name"], help="What the data are called in the report; the folder's name if not said."),
        click.Option(["--memory"], default=MEMORY, show_default=True, help="What the engine may hold in memory."),
        click.Option(["--threads"], type=click.IntRange(1), help="Threads of the engine; all if not said."),
        json_option(),
    ],
    help="Find who is in a study by a file of criteria (TOML), and draw controls that resemble them."
    " Reports hide counts from one to ten.",
)

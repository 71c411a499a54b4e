"""`nexus warehouse`: what can be done with data on this machine's own disk."""

import os
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.table import Table

from nexus.app.cli.options import json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.app.commands.building import build_command
from nexus.app.commands.cohort import cohort_command
from nexus.app.commands.generating import generate_command
from nexus.app.commands.linking import link_command
from nexus.app.commands.omop import convert
from nexus.app.commands.refreshing import refresh
from nexus.app.commands.release import compare_command, risk_command, verify_command
from nexus.kernel.clock import SystemClock
from nexus.kernel.errors import Invalid
from nexus.warehouse.quality import gate, report, results
from nexus.warehouse.quality.cdm import MEMORY, open_cdm
from nexus.warehouse.quality.checks import Severity
from nexus.warehouse.quality.results import Comparison, Run, State
from nexus.warehouse.quality.trends import domains

EXIT_STOPPED: Final = 1
"""A failure stops the release."""
SHOWN: Final = 15
"""Failures shown in the terminal."""


def _check(folder: Path, **typed: Any) -> int:
    screen = terminal(typed["as_json"])
    before = _earlier(typed["since"])
    severities = tuple(Severity(name) for name in typed["blocking"])
    with screen.progress() as bar, open_cdm(folder, memory=typed["memory"]) as cdm:
        task = bar.add_task("", total=None)
        run = gate.run(
            cdm,
            typed["name"] or folder.resolve().name,
            SystemClock().now(),
            lambda table, done, total: bar.update(task, description=table, completed=done, total=total),
            only=typed["table"],
        )
        found = tuple(domains(cdm))
    comparison = None if before is None else results.compare(before, run)
    if typed["result"] is not None:
        _write(typed["result"], results.encode(run))
    if typed["report"] is not None:
        page = report.render(run, found, comparison, blocking=severities, french=screen.french)
        _write(typed["report"], page.encode())
    stopping = results.blocking(run, severities)
    _show(screen, run, comparison, stopped=bool(stopping))
    return EXIT_STOPPED if stopping else 0


def _earlier(path: Path | None) -> Run | None:
    if path is None:
        return None
    try:
        return results.decode(path.read_bytes())
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}", code="cli.no-file") from None


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, for its owner only: what is rare in it may point at a person."""
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    new.replace(path)


def _show(screen: Terminal, run: Run, comparison: Comparison | None, *, stopped: bool) -> None:
    failures = run.failed()
    if screen.json:
        document = {"stopped": stopped, "failed": [msgspec.to_builtins(result) for result in failures]}
        document |= {"changes": msgspec.to_builtins(comparison)} if comparison else {}
        screen.document(document)
        return
    table = Table(box=None, header_style="dim")
    for column in ("severity", "check", "violated", "share", "allowed"):
        table.add_column(
            screen.say(f"quality.{column}"), justify="left" if column in ("severity", "check") else "right"
        )
    for result in failures[:SHOWN]:
        table.add_row(
            result.severity.value,
            result.id,
            f"{result.violated:,} / {result.looked_at:,}",
            f"{result.percent:.2f} %",
            f"{result.threshold:g} %",
        )
    if failures:
        screen.show(table)
    counted = {state: sum(result.state is state for result in run.results) for state in State}
    screen.note(", ".join(f"{count:,} {screen.say(f'quality.{state.value}')}" for state, count in counted.items()))
    if comparison is not None:
        screen.note(
            f"{len(comparison.broken)} {screen.say('quality.broken')}, {len(comparison.mended)} {screen.say('quality.mended')}"
        )
    if stopped:
        screen.err.print(f"[bold red]✗ {screen.say('quality.stopped')}[/]")
    else:
        screen.good(screen.say("quality.passes"))


_FILE: Final = click.Path(dir_okay=False, path_type=Path)

warehouse = click.Group(
    "warehouse",
    help="Extracts, and data in the OMOP common data model, on this machine's own disk.",
    short_help="Build the warehouse; generate, link and convert extracts, check the quality, find cohorts",
    commands=[
        build_command,
        convert,
        refresh,
        click.Command(
            "check",
            callback=_check,
            params=[
                click.Argument(["folder"], type=click.Path(exists=True, file_okay=False, path_type=Path)),
                click.Option(["--name"], help="What the data are called in results; the folder's name if not said."),
                click.Option(["--report"], type=_FILE, help="Write a report that people read (HTML)."),
                click.Option(["--result"], type=_FILE, help="Write the run, to compare a later one with it (JSON)."),
                click.Option(["--since"], type=_FILE, help="A run that was written before: show what changed."),
                click.Option(
                    ["--blocking"],
                    type=click.Choice([severity.value for severity in Severity]),
                    multiple=True,
                    default=[Severity.FATAL.value],
                    show_default=True,
                    help="Failures of this severity stop the release.",
                ),
                click.Option(["--table"], multiple=True, help="Check this table only; may be repeated."),
                click.Option(
                    ["--memory"], default=MEMORY, show_default=True, help="What the engine may hold in memory."
                ),
                json_option(),
            ],
            help="Run every check over a CDM 5.4 in Parquet files: 27 kinds, 2,539 checks. Exit code 1 if a release is stopped.",
        ),
        cohort_command,
        generate_command,
        link_command,
        verify_command,
        compare_command,
        risk_command,
    ],
)

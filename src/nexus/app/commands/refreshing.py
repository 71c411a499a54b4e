"""`nexus warehouse refresh`: the next whole delivery of a source onto a CDM that stands."""

import shutil
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.table import Table

from nexus.app.cli.options import json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.app.commands.omop import SHARED, secret_of, settings_of
from nexus.kernel.errors import Invalid
from nexus.warehouse.omop.accumulating import Changes, accumulate, clean
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.refreshing import Refreshed, Refresher
from nexus.warehouse.omop.registry import SOURCES, source_named


def _refresh(source: str, folder: Path, onto: Path, **typed: Any) -> int:
    screen = terminal(typed["as_json"])
    layout = Layout(onto)
    key = typed["key"] or layout.key
    if not key.exists():
        raise Invalid(
            f"{key} is not there", code="omop.key", hint="give the key that the conversion was made by (--key)"
        )
    if typed["again"]:
        shutil.rmtree(layout.refresh, ignore_errors=True)
    local = DuckdbEngine(layout.work, secret_of(key), memory=typed["memory"], threads=typed["threads"])
    applied: Changes | None = None
    try:
        with screen.progress() as bar:
            task = bar.add_task("", total=None)
            refresher = Refresher(
                source_named(source),
                layout,
                settings_of(typed),
                local=local,
                progress=lambda step, done, total: bar.update(
                    task, description=step, completed=done, total=total or None
                ),
            )
            if typed["changes"]:
                refresher.finish()
                whole = accumulate(source_named(source), layout, folder, local, typed["encoding"])
                folder, applied = Path(whole.folder), whole.changes
            refreshed = refresher.run(folder)
            clean(layout)
    finally:
        local.close()
        shutil.rmtree(layout.work, ignore_errors=True)
    _show(screen, refreshed, applied, layout)
    return 0


def _show(screen: Terminal, refreshed: Refreshed, applied: Changes | None, layout: Layout) -> None:
    if screen.json:
        more = {} if applied is None else {"changes": msgspec.to_builtins(applied)}
        screen.document({**msgspec.to_builtins(refreshed), **more})
        return
    if applied is not None:
        screen.note(
            f"{applied.told:,} {screen.say('omop.rows_told')}, {applied.gone:,} {screen.say('omop.rows_gone')},"
            f" {applied.removed:,} {screen.say('omop.keys_removed')}, {applied.unknown:,} {screen.say('omop.keys_unknown')}"
        )
    table = Table(box=None, header_style="dim")
    for word in ("table", "went", "came"):
        table.add_column(screen.say(f"omop.{word}"), justify="left" if word == "table" else "right")
    for name in sorted({*refreshed.went, *refreshed.came}):
        table.add_row(name, f"{refreshed.went.get(name, 0):,}", f"{refreshed.came.get(name, 0):,}")
    screen.show(table)
    if refreshed.everything:
        screen.note(f"{screen.say('omop.everything')}: {refreshed.everything}")
    screen.note(
        f"{refreshed.added:,} {screen.say('omop.added')}, {refreshed.changed:,} {screen.say('omop.changed')},"
        f" {refreshed.removed:,} {screen.say('omop.removed')} ({refreshed.persons:,})"
    )
    screen.good(f"{screen.say('omop.done')} {layout.cdm}")


_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)

refresh = click.Command(
    "refresh",
    callback=_refresh,
    params=[
        click.Argument(["source"], type=click.Choice(sorted(SOURCES))),
        click.Argument(["folder"], type=_FOLDER),
        click.Option(["--onto"], type=_FOLDER, required=True, help="The conversion that stands."),
        *SHARED,
        click.Option(
            ["--changes"],
            is_flag=True,
            help="The folder holds what changed since the delivery before, and not everything.",
        ),
        click.Option(["--smaller"], is_flag=True, help="Let the delivery take more than half of the persons away."),
        click.Option(["--again"], is_flag=True, help="Drop a refresh that was not finished, and start over."),
        json_option(),
    ],
    help="Apply the next delivery, whole or (--changes) of what changed, to a conversion that stands: who came, changed or left. Run again, it goes on.",
)

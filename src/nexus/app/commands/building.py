"""`nexus warehouse build`: what providers delivered and intake accepted becomes the warehouse's CDM, on a running platform."""

import asyncio
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.table import Table

from nexus.app import control, settings
from nexus.app.building_task import MEMORY, BuildProgress, BuildTask
from nexus.app.cli.options import data_option, json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.app.control import Request
from nexus.app.datadir import DataDirectory, open_directory
from nexus.app.handoff import as_error
from nexus.kernel.errors import Invalid
from nexus.warehouse.omop.lists import LISTS

POLL_S: Final = 0.2


def _build(**typed: Any) -> int:
    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    task = BuildTask(
        user="",
        vocabulary=_absolute(typed["vocabulary"]),
        lists=dict(map(_named, typed["local"])),
        mappings=_absolute(typed["mappings"]),
        memory=typed["memory"],
        threads=typed["threads"] or 0,
        again=typed["again"],
        smaller=typed["smaller"],
    )
    with screen.progress() as bar:
        built = asyncio.run(_followed(directory, task, bar))
    _show(screen, built, directory)
    return 0


async def _followed(directory: DataDirectory, task: BuildTask, bar: Any) -> dict[str, Any]:
    """Begin, and wait for the end; what was interrupted here goes on there."""

    async def ask(request: Request) -> BuildProgress:
        return msgspec.convert(await control.ask(directory.control_socket, request), BuildProgress)

    shown = bar.add_task("", total=None)
    progress = await ask(Request(do="build", build=task))
    while progress.state == "running":
        bar.update(shown, description=progress.step, completed=progress.done, total=progress.total or None)
        await asyncio.sleep(POLL_S)
        progress = await ask(Request(do="build-progress"))
    if progress.error is not None:
        raise as_error(progress.error)
    return progress.built or {}


def _show(screen: Terminal, built: dict[str, Any], directory: DataDirectory) -> None:
    if screen.json:
        screen.document(built)
        return
    table = Table(box=None, header_style="dim")
    for word in ("provider", "source", "delivery", "records"):
        table.add_column(screen.say(f"building.{word}"), justify="left" if word in ("provider", "source") else "right")
    for each in built["deliveries"]:
        table.add_row(
            each["provider"],
            each["source"],
            "+".join(map(str, each["chain"] or [each["number"]])),
            f"{each['records']:,}",
        )
    screen.show(table)
    for each in built["deliveries"]:
        for word, rows in (each["changes"] or {}).items():
            screen.note(f"{each['provider']}: {rows:,} {screen.say(f'building.changes.{word}')}")
    for word in ("persons", "for_review", "nobody", "excluded"):
        screen.note(f"{built[word]:,} {screen.say(f'building.{word}')}")
    for severity, checks in sorted(built["failed"].items()):
        screen.note(f"{checks:,} {screen.say('building.failed')} ({severity})")
    where = directory.warehouse(settings.load(directory.description).warehouse)
    screen.good(f"{screen.say('building.' + built['began'])} {where}")


def _absolute(path: Path | None) -> str:
    return str(path.absolute()) if path else ""


def _named(text: str) -> tuple[str, str]:
    name, _, path = text.partition("=")
    if name not in LISTS or not path:
        raise Invalid("a list is given as NAME=FILE", code="omop.list", hint=f"lists: {', '.join(LISTS)}")
    return name, _absolute(Path(path))


_ANY: Final = click.Path(exists=True, path_type=Path)
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)

build_command = click.Command(
    "build",
    callback=_build,
    params=[
        click.Option(["--vocabulary"], type=_ANY, help="The archive that Athena sends: a folder, or a .zip."),
        click.Option(
            ["--local"], multiple=True, help=f"A French list, as NAME=FILE: {', '.join(LISTS)}. May be repeated."
        ),
        click.Option(
            ["--mappings"], type=_FILE, help="Your own mappings: a CSV with columns of source_to_concept_map."
        ),
        click.Option(["--memory"], default=MEMORY, show_default=True, help="What the engine may hold in memory."),
        click.Option(
            ["--threads"], type=click.IntRange(1), help="Threads of the engine; all of the machine if not said."
        ),
        click.Option(
            ["--smaller"], is_flag=True, help="Accept that a provider delivered less than half of its persons."
        ),
        click.Option(["--again"], is_flag=True, help="Build although nothing has changed."),
        data_option(),
        json_option(),
    ],
    help="Build the warehouse of a running platform from the newest accepted delivery of each provider.\n\n"
    "Identities are replaced by pseudonyms and linked across providers, who objects is left out, and the result is converted to"
    " OMOP and checked. Run again, it goes on; a newer delivery is a refresh.",
    short_help="Build the CDM from what intake accepted",
)

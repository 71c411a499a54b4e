"""`nexus warehouse convert`: files of a source become a CDM 5.4, on this machine's own disk."""

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.table import Table

from nexus.app.cli.options import json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.kernel.errors import Conflict, Invalid
from nexus.kernel.secret import Secret
from nexus.warehouse.omop import spark_engine
from nexus.warehouse.omop.accounts import Conversion, advice
from nexus.warehouse.omop.converting import PIECE, Converter, Settings
from nexus.warehouse.omop.duckdb_engine import DuckdbEngine
from nexus.warehouse.omop.engine import MEMORY, Engine
from nexus.warehouse.omop.layout import Layout
from nexus.warehouse.omop.lists import LISTS
from nexus.warehouse.omop.registry import SOURCES, source_named
from nexus.warehouse.omop.staging import ENCODINGS
from nexus.warehouse.omop.vocabulary import Given

KEY_BYTES: Final = 32


def _convert(source: str, folder: Path, into: Path, **typed: Any) -> int:
    screen = terminal(typed["as_json"])
    layout = _room(into, again=typed["again"])
    secret = secret_of(typed["key"] or layout.key)
    settings = settings_of(typed)
    local = DuckdbEngine(layout.work, secret, memory=typed["memory"], threads=typed["threads"])
    try:
        engine: Engine = local if typed["engine"] == "duckdb" else _spark(layout, secret, typed)
        with screen.progress() as bar:
            task = bar.add_task("", total=None)
            conversion = Converter(
                source_named(source),
                layout,
                settings,
                engine=engine,
                local=local,
                progress=lambda step, done, total: bar.update(
                    task, description=step, completed=done, total=total or None
                ),
            ).run(folder)
    finally:
        local.close()
    _show(screen, conversion, layout)
    return 0


def settings_of(typed: dict[str, Any]) -> Settings:
    """How to convert, of the options that `convert` and `refresh` share."""
    return Settings(
        as_of=typed["as_of"].date() if typed["as_of"] else _today(),
        given=Given(typed["vocabulary"], dict(map(_named, typed["local"])), typed["mappings"]),
        encoding=typed["encoding"],
        piece=typed["piece"],
        excluded=Listed(typed["without"]),
        smaller=typed.get("smaller", False),
    )


@dataclass(frozen=True, slots=True)
class Listed:
    """Persons whom a file names, one a line."""

    path: Path | None

    def persons(self) -> Iterable[str]:
        if self.path is None:
            return ()
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise Invalid(
                f"{self.path} cannot be read", code="omop.without", hint="one person a line, in UTF-8"
            ) from None
        return [line.strip() for line in lines if line.strip()]


def _today() -> date:
    return datetime.now(UTC).date()


def _room(into: Path, *, again: bool) -> Layout:
    layout = Layout(into)
    if layout.report.exists() and not again:
        raise Conflict(
            "this folder holds a conversion that is whole",
            code="omop.finished",
            hint="--again converts anew into it; or give another folder (--into)",
        )
    if again:
        layout.clear()
    layout.work.mkdir(parents=True, exist_ok=True)
    into.chmod(0o700)
    return layout


def secret_of(path: Path) -> Secret:
    """The secret of the keys: kept, since another one gives every record another key. Raises Invalid."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        try:
            found = bytes.fromhex(path.read_text(encoding="ascii").strip())
        except ValueError:
            found = b""
        if len(found) != KEY_BYTES:
            raise Invalid(f"{path} holds no key", code="omop.key", hint="a key is 64 hexadecimal digits") from None
        return Secret(found)
    made = secrets.token_bytes(KEY_BYTES)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{made.hex()}\n")
        file.flush()
        os.fsync(file.fileno())
    return Secret(made)


def _named(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name not in LISTS or not path:
        raise Invalid("a list is given as NAME=FILE", code="omop.list", hint=f"lists: {', '.join(LISTS)}")
    return name, Path(path)


def _spark(layout: Layout, secret: Secret, typed: dict[str, Any]) -> Engine:
    session = spark_engine.session(typed["memory"], typed["threads"], layout.work)
    return spark_engine.SparkEngine(session, secret)


def _show(screen: Terminal, conversion: Conversion, layout: Layout) -> None:
    if screen.json:
        screen.document(msgspec.to_builtins(conversion))
        return
    table = Table(box=None, header_style="dim")
    table.add_column(screen.say("omop.table"))
    table.add_column(screen.say("omop.records"), justify="right")
    for name, records in conversion.tables.items():
        if records:
            table.add_row(name, f"{records:,}")
    screen.show(table)
    for each in conversion.coverage:
        screen.note(
            f"{each.table}, {each.vocabulary}: {each.percent:.1f} % {screen.say('omop.covered')}"
            f" ({each.codes_mapped:,} / {each.codes:,})"
        )
    for reason, records in conversion.left_out().items():
        screen.note(f"{records:,} {screen.say('omop.left_out')}: {reason} — {advice(reason)}")
    screen.good(f"{screen.say('omop.done')} {layout.cdm}")


_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_ANY: Final = click.Path(exists=True, path_type=Path)
_FOLDER: Final = click.Path(exists=True, file_okay=False, path_type=Path)

SHARED: Final = (
    click.Option(["--vocabulary"], type=_ANY, help="The archive that Athena sends: a folder, or a .zip."),
    click.Option(["--local"], multiple=True, help=f"A French list, as NAME=FILE: {', '.join(LISTS)}. May be repeated."),
    click.Option(["--mappings"], type=_FILE, help="Your own mappings: a CSV with columns of source_to_concept_map."),
    click.Option(
        ["--key"], type=click.Path(dir_okay=False, path_type=Path), help="The secret of the keys; made if absent."
    ),
    click.Option(
        ["--without"], type=_FILE, help="Persons to leave out of every table: one a line, as the source names them."
    ),
    click.Option(
        ["--as-of"], type=click.DateTime(["%Y-%m-%d"]), help="The day after which nothing can have happened; today."
    ),
    click.Option(
        ["--encoding"], type=click.Choice(ENCODINGS), default="utf-8", show_default=True, help="Of CSV files."
    ),
    click.Option(["--memory"], default=MEMORY, show_default=True, help="What the engine may hold in memory."),
    click.Option(["--threads"], type=click.IntRange(1), help="Threads of the engine; all of the machine if not said."),
    click.Option(["--piece"], type=click.IntRange(1), default=PIECE, show_default=True, help="Rows converted at once."),
)
"""Options of `convert` and of `refresh`."""

convert = click.Command(
    "convert",
    callback=_convert,
    params=[
        click.Argument(["source"], type=click.Choice(sorted(SOURCES))),
        click.Argument(["folder"], type=_FOLDER),
        click.Option(
            ["--into"], type=click.Path(file_okay=False, path_type=Path), required=True, help="Where to write."
        ),
        *SHARED,
        click.Option(
            ["--engine"], type=click.Choice(["duckdb", "spark"]), default="duckdb", show_default=True, help="What maps."
        ),
        click.Option(["--again"], is_flag=True, help="Start over, even if a conversion stands here."),
        json_option(),
    ],
    help="Convert a delivery to OMOP CDM 5.4: every record with a stable key, its file and line. Run again, it goes on.",
)

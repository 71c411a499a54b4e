"""`nexus warehouse verify-release`, `compare-releases`, `risk`: releases and tables that lie on this machine's disk."""

import os
from base64 import b64decode
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.table import Table

from nexus.app.cli.options import json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.kernel.errors import Invalid
from nexus.warehouse.cohorts.masking import LEAST
from nexus.warehouse.releases import comparing, making, manifest, risk, verifying
from nexus.warehouse.releases.manifest import MAX_MANIFEST_BYTES, Release
from nexus.warehouse.releases.parts import MANIFESTS, Parts

EXIT_RISK: Final = 1
"""Somebody is among too few: for scripts that guard an exit."""


def _verify(file: Path, **typed: Any) -> int:
    screen = terminal(typed["as_json"])
    content = _read(file)
    folder = typed["files"] or (file.parent.parent if file.parent.name == MANIFESTS else file.parent)
    with screen.progress() as bar:
        bar.add_task("", total=None)
        shown = verifying.verify(content, Parts(folder), _key(typed["key"]))
    if typed["views"] is not None:
        sql = making.views(manifest.decode(content).release, typed["at"] or str(folder.resolve()))
        _write(typed["views"], sql.encode())
    if screen.json:
        screen.document(msgspec.to_builtins(shown))
        return 0
    screen.good(
        f"{screen.say('verify.good')}: {shown.files:,} {screen.say('release.files')}, {shown.rows:,} {screen.say('release.rows')}"
    )
    screen.note(f"{shown.project} {shown.release}; {screen.say('release.until')} {shown.until}")
    if not shown.pinned:
        screen.note(f"{screen.say('release.unpinned')} sha256:{shown.signer}")
    return 0


def _compare(before: Path, now: Path, **typed: Any) -> int:
    screen = terminal(typed["as_json"])
    first, second = (_release(path) for path in (before, now))
    found = comparing.compare(first, second)
    if screen.json:
        screen.document(msgspec.to_builtins(found))
        return 0
    for name, (was, is_) in found.said.items():
        screen.note(f"{name}: {was or '-'} → {is_ or '-'}")
    table = Table(box=None, header_style="dim")
    for column in ("table", "before", "now", "new", "kept"):
        table.add_column(screen.say(f"release.{column}"), justify="left" if column == "table" else "right")
    for row in found.tables:
        counts = (_count(screen, row.rows_before), _count(screen, row.rows_now))
        table.add_row(row.name, *counts, f"{row.files_new:,}", f"{row.files_kept:,}")
    if found.tables:
        screen.show(table)
    screen.note(
        f"{found.files_new:,} {screen.say('release.new')} ({found.bytes_new:,} B), {found.files_kept:,} {screen.say('release.kept')}"
    )
    return 0


def _risk(files: tuple[Path, ...], **typed: Any) -> int:
    screen = terminal(typed["as_json"])
    found = risk.assess(sorted(_parquet(files)), typed["column"], typed["sensitive"], least=typed["least"])
    if typed["result"] is not None:
        _write(typed["result"], risk.encode(found))
    if screen.json:
        screen.document(msgspec.to_builtins(found) | {"passes": found.passes})
    else:
        table = Table(box=None, show_header=False)
        table.add_column(style="dim")
        table.add_column(justify="right")
        table.add_row("k", f"{found.k:,}")
        table.add_row(screen.say("risk.classes"), f"{found.classes:,}")
        table.add_row(screen.say("risk.small"), f"{found.small_classes:,}")
        table.add_row(screen.say("risk.persons"), _count(screen, found.persons_in_small_classes))
        for one in found.diversity:
            table.add_row(f"l ({one.column})", f"{one.least:,}")
        screen.show(table)
        if found.passes:
            screen.good(screen.say("risk.passes"))
        else:
            screen.err.print(f"[bold red]✗ {screen.say('risk.fails')}[/]")
    return 0 if found.passes else EXIT_RISK


def _release(path: Path) -> Release:
    """What a manifest says, if its signature verifies by whatever key it names."""
    found = manifest.decode(_read(path))
    manifest.check_signature(found)
    return found.release


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_MANIFEST_BYTES + 1)
    if len(content) > MAX_MANIFEST_BYTES:
        raise Invalid(f"{path.name} is too large to be a manifest", code="cli.file-too-large")
    return content


def _key(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise Invalid("a public key is base64 of 32 bytes", code="cli.key") from None


def _parquet(files: tuple[Path, ...]) -> set[Path]:
    found: set[Path] = set()
    for path in files:
        found |= set(path.rglob("*.parquet")) if path.is_dir() else {path}
    if not found:
        raise Invalid("there is no Parquet file", code="cli.no-file")
    return found


def _write(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    new.replace(path)


def _count(screen: Terminal, count: int | None) -> str:
    return screen.say("cohort.hidden") if count is None else f"{count:,}"


_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_NEW: Final = click.Path(dir_okay=False, path_type=Path)

verify_command = click.Command(
    "verify-release",
    callback=_verify,
    params=[
        click.Argument(["file"], type=_FILE, metavar="MANIFEST"),
        click.Option(["--key"], metavar="BASE64", help="The public key that you trust; without it, whose it is stays open."),
        click.Option(["--files"], type=click.Path(exists=True, file_okay=False, path_type=Path),
                     help="The folder that holds `objects`; that of the manifest if not said."),
        click.Option(["--views"], type=_NEW, help="Write SQL that makes its tables readable by name in DuckDB."),
        click.Option(["--at"], metavar="PLACE", help="Where the views read its files: a folder, or s3://BUCKET/PREFIX."),
        json_option(),
    ],
    help="Verify a release offline: manifest, signature, every file with its rows and columns. Exits with 7 if anything does not verify.",
)  # fmt: skip
compare_command = click.Command(
    "compare-releases",
    callback=_compare,
    params=[click.Argument(["before"], type=_FILE), click.Argument(["now"], type=_FILE), json_option()],
    help="Show what differs between two releases, from their manifests. Differences of one to ten rows are hidden.",
)
risk_command = click.Command(
    "risk",
    callback=_risk,
    params=[
        click.Argument(["files"], nargs=-1, required=True, type=click.Path(exists=True, path_type=Path)),
        click.Option(["--column"], multiple=True, required=True, help="By which somebody might be recognised; repeat it."),
        click.Option(["--sensitive"], multiple=True, help="What must not be learnt of somebody; repeat it."),
        click.Option(["--least"], type=click.IntRange(2), default=LEAST, show_default=True, help="Persons that a class must have."),
        click.Option(["--result"], type=_NEW, help="Write it for programs (JSON)."),
        json_option(),
    ],
    help="Count how few persons share the values of some columns: k-anonymity and l-diversity of Parquet files."
    " Exit code 1 if a class is too small.",
)  # fmt: skip

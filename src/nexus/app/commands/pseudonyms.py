"""`nexus pseudonyms scan`: what can be done with pseudonyms without any secret and without a platform."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from nexus.app.cli.options import json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.kernel.errors import Invalid
from nexus.pseudonyms.scanning import Findings, scan

EXIT_FOUND = 1
"""Pseudonyms were found: for scripts that guard an exit, finding is failing."""


def _scan(paths: tuple[Path, ...], *, as_json: bool) -> int:
    screen = terminal(as_json)
    files = sorted(_files(paths))
    results = []
    with screen.progress() as bar:
        task = bar.add_task("", total=len(files))
        for path in files:
            bar.update(task, description=path.name)
            results.append((path, scan(path)))
            bar.advance(task)
    _show(screen, results)
    return EXIT_FOUND if any(found.total or found.mistyped for _, found in results) else 0


def _files(paths: Sequence[Path]) -> set[Path]:
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            found.update(inner for inner in path.rglob("*") if inner.is_file())
        elif path.is_file():
            found.add(path)
        else:
            raise Invalid(f"there is no file {path}", code="cli.no-file")
    return found


def _show(screen: Terminal, results: Sequence[tuple[Path, Findings]]) -> None:
    if screen.json:
        screen.document({"files": [_document(path, found) for path, found in results]})
        return
    table = Table(box=None, header_style="dim")
    for column in ("file", "domain", "found", "patients", "mistyped"):
        table.add_column(
            screen.say(f"pseudonyms.{column}"), justify="left" if column in ("file", "domain") else "right"
        )
    for path, found in results:
        for domain, count in sorted(found.pseudonyms.items()):
            table.add_row(str(path), str(domain), str(count), str(len(found.distinct[domain])), "")
        if found.mistyped:
            table.add_row(str(path), "", "", "", str(found.mistyped))
    if table.row_count:
        screen.show(table)
    else:
        screen.good(f"{screen.say('pseudonyms.none')} {len(results)}")


def _document(path: Path, found: Findings) -> dict[str, Any]:
    return {
        "file": str(path),
        "mistyped": found.mistyped,
        "domains": [
            {"domain": domain.name, "epoch": domain.epoch, "found": count, "patients": len(found.distinct[domain])}
            for domain, count in sorted(found.pseudonyms.items())
        ],
    }


scan_command = click.Command(
    "scan",
    callback=_scan,
    params=[
        click.Argument(["paths"], nargs=-1, required=True, type=click.Path(path_type=Path)),
        json_option(),
    ],
    help="Find pseudonyms of Nexus in files and directories: text, CSV, Parquet. Exit code 1 if there are any.",
    short_help="Find pseudonyms in files",
)

"""`nexus audit verify`: check a receipt or an exported log with nothing but files and public keys."""

from pathlib import Path
from typing import Any

import click
import msgspec

from nexus.app.cli.exits import ExitCode
from nexus.app.cli.options import json_option, terminal
from nexus.app.cli.render import rendered
from nexus.app.cli.terminal import Terminal
from nexus.audit import offline
from nexus.audit.model import Verification
from nexus.kernel.errors import Invalid

MAX_RECEIPT_BYTES = 1024 * 1024
MAX_POLICY_BYTES = 64 * 1024


def _verify(path: Path, policy: Path | None, *, as_json: bool) -> int:
    screen = terminal(as_json)
    trusted = read_text(policy, MAX_POLICY_BYTES) if policy else None
    if path.is_dir():
        return _directory(screen, path, trusted)
    if trusted is None:
        raise Invalid(
            "a receipt is verified against a policy",
            code="cli.no-policy",
            hint="--policy names the file with the log's keys and witnesses, from a source that you trust",
        )
    proven = offline.verify_receipt(read_text(path, MAX_RECEIPT_BYTES), trusted)
    if screen.json:
        screen.document(msgspec.to_builtins(proven))
    else:
        screen.good(screen.say("verify.good"))
        screen.show(rendered(type(proven), msgspec.to_builtins(proven)))
    return ExitCode.OK


def _directory(screen: Terminal, path: Path, policy: str | None) -> int:
    with screen.progress() as bar:
        task = bar.add_task(path.name, total=None)
        result = offline.verify_directory(
            path, policy, lambda done, total: bar.update(task, completed=done, total=total)
        )
    document = msgspec.to_builtins(result)
    if screen.json:
        screen.document(document)
    else:
        if result.ok:
            screen.good(screen.say("verify.good"))
        else:
            screen.err.print(f"[bold red]✗ {screen.say('verify.bad')}[/]")
        screen.show(rendered(Verification, document))
        if policy is None:
            screen.note(screen.say("verify.unpinned"))
    return ExitCode.OK if result.ok else ExitCode.DAMAGED


def read_text(path: Path, limit: int) -> str:
    """A file of text within a limit (bytes). Raises Invalid."""
    with path.open("rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise Invalid(f"{path.name} is larger than {limit} bytes", code="cli.file-too-large")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Invalid(f"{path.name} is not text", code="cli.not-text") from error


def _run(**typed: Any) -> int:
    return _verify(typed["path"], typed["policy"], as_json=typed["as_json"])


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)

verify = click.Command(
    "verify",
    callback=_run,
    params=[
        click.Argument(["path"], type=click.Path(path_type=Path, exists=True)),
        click.Option(["--policy"], type=_FILE, metavar="FILE", help="Keys of the log and witnesses that you trust."),
        json_option(),
    ],
    help="Verify a receipt, or a directory that holds an exported log. Needs no platform and no network.\n\n"
    "Exits with 7 if anything does not verify.",
    short_help="Verify a receipt or an exported log, offline",
)

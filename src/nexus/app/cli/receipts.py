"""What commands about signed receipts share, whatever the receipt is of: they are saved, and verified offline."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from msgspec import Struct

from nexus.app.cli.exits import ExitCode
from nexus.app.cli.options import json_option, terminal
from nexus.app.cli.render import rendered
from nexus.app.cli.verifying import MAX_POLICY_BYTES, read_text
from nexus.audit import offline
from nexus.audit.model import ProvenEntry
from nexus.kernel.errors import Conflict

FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
NEW_FILE: Final = click.Path(path_type=Path, dir_okay=False)

Verify = Callable[[bytes, Callable[[str], ProvenEntry]], Struct]
"""Checks a receipt, given what proves the entry that it names. Raises Damaged and Invalid."""


def save(file: Path, parts: Iterable[bytes]) -> None:
    """Into a new file that nobody else may read; what was begun and not finished is removed."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{file} is already there", code="cli.file-exists", hint="name another file") from error
    try:
        with os.fdopen(descriptor, "wb") as out:
            for part in parts:
                out.write(part)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def verify_command(verify: Verify, *, max_bytes: int, what: str, short: str) -> click.Command:
    """`verify-receipt FILE --policy FILE` for one kind of receipt."""

    def run(path: Path, policy: Path, **typed: Any) -> int:
        screen = terminal(typed["as_json"])
        trusted = read_text(policy, MAX_POLICY_BYTES)
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
        verified = verify(content, lambda log: offline.verify_receipt(log, trusted))
        document = msgspec.to_builtins(verified)
        if screen.json:
            screen.document(document)
        else:
            screen.good(screen.say("verify.good"))
            screen.show(rendered(type(verified), document))
        return ExitCode.OK

    policy = click.Option(
        ["--policy"], type=FILE, metavar="FILE", required=True, help="Keys of the log and witnesses that you trust."
    )
    return click.Command(
        "verify-receipt",
        callback=run,
        params=[click.Argument(["path"], type=FILE), policy, json_option()],
        help=f"Verify the receipt of a {what}. Needs no platform and no network.\n\nExits with 7 if it does not verify.",
        short_help=f"Verify the receipt of a {short}, offline",
    )

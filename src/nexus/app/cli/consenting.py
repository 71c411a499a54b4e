"""`nexus consent verify-receipt`: check the receipt of a patient's decision with nothing but files and public keys."""

from pathlib import Path
from typing import Any, Final

import click
import msgspec

from nexus.app.cli.exits import ExitCode
from nexus.app.cli.options import json_option, terminal
from nexus.app.cli.render import rendered
from nexus.app.cli.verifying import MAX_POLICY_BYTES, read_text
from nexus.audit import offline
from nexus.consent import receipt_format
from nexus.kernel.errors import Invalid

_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)


def _verify(path: Path, policy: Path, *, as_json: bool) -> int:
    screen = terminal(as_json)
    trusted = read_text(policy, MAX_POLICY_BYTES)
    with path.open("rb") as file:
        content = file.read(receipt_format.MAX_RECEIPT_BYTES + 1)
    if content.startswith(b"%PDF"):
        raise Invalid(
            "this is the printed receipt",
            code="consent.receipt-form",
            hint="save its attachment (the .json in it) and verify that",
        )
    verified = receipt_format.verify(content, lambda log: offline.verify_receipt(log, trusted))
    document = msgspec.to_builtins(verified)
    if screen.json:
        screen.document(document)
    else:
        screen.good(screen.say("verify.good"))
        screen.show(rendered(receipt_format.Verified, document))
    return ExitCode.OK


def _run(**typed: Any) -> int:
    return _verify(typed["path"], typed["policy"], as_json=typed["as_json"])


verify_receipt = click.Command(
    "verify-receipt",
    callback=_run,
    params=[
        click.Argument(["path"], type=_FILE),
        click.Option(
            ["--policy"],
            type=_FILE,
            metavar="FILE",
            required=True,
            help="Keys of the log and witnesses that you trust.",
        ),
        json_option(),
    ],
    help="Verify the receipt of a patient's decision. Needs no platform and no network.\n\n"
    "Exits with 7 if it does not verify.",
    short_help="Verify the receipt of a decision, offline",
)

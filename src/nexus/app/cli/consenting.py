"""Receipts and the register as files: saved from the platform, and receipts checked with public keys alone."""

import os
from base64 import b64decode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from nexus.app.cli.exits import ExitCode
from nexus.app.cli.options import CONNECTION, Caller, connection_options, json_option, terminal
from nexus.app.cli.render import rendered
from nexus.app.cli.rest_client import RestClient
from nexus.app.cli.verifying import MAX_POLICY_BYTES, read_text
from nexus.app.operations import operation
from nexus.audit import offline
from nexus.consent import receipt_format
from nexus.consent.requests import ExportFormat, ReceiptForm, Tongue
from nexus.kernel.errors import Conflict, Invalid

PURPOSE: Final = "compliance"
_FILE: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_NEW_FILE: Final = click.Path(path_type=Path, dir_okay=False)


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


# Saving


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


def _receipt(subject: str, decision: str, file: Path, **typed: Any) -> None:
    screen = terminal(typed["as_json"])
    asked = {"subject": subject, "decision": decision, "form": typed["form"], "language": typed["language"]}
    with Caller(*(typed[name] for name in CONNECTION)).client() as client:
        given = client.call(operation("consent.decision.receipt"), asked, purpose=PURPOSE).document
    save(file, [b64decode(given["content"])])
    if screen.json:
        screen.document({"file": str(file), "media_type": given["media_type"]})
    else:
        screen.good(f"{screen.say('saved')} {file}")


def _export(file: Path, **typed: Any) -> None:
    screen = terminal(typed["as_json"])
    with Caller(*(typed[name] for name in CONNECTION)).client() as client:
        save(file, _pages(client, {"site": typed["site"] or "", "format": typed["format"]}))
    if screen.json:
        screen.document({"file": str(file)})
    else:
        screen.good(f"{screen.say('saved')} {file}")


def _pages(client: RestClient, asked: dict[str, Any]) -> Iterator[bytes]:
    after = 0
    while True:
        page = client.call(operation("consent.register.export"), {**asked, "after": after}, purpose=PURPOSE).document
        yield page["text"].encode()
        after = page["next"]
        if not after:
            return


receipt = click.Command(
    "receipt",
    callback=_receipt,
    params=[
        click.Argument(["subject"]),
        click.Argument(["decision"]),
        click.Argument(["file"], type=_NEW_FILE),
        click.Option(["--form"], type=click.Choice([form.value for form in ReceiptForm]), default="json"),
        click.Option(["--language"], type=click.Choice([tongue.value for tongue in Tongue]), default="fr"),
        *connection_options(),
        json_option(),
    ],
    help="Write the receipt of a patient's decision to a file, for machines or to print.\n\n"
    "Anybody can check it with `nexus consent verify-receipt`, without this platform.",
    short_help="Write the receipt of a decision to a file",
)
export = click.Command(
    "export",
    callback=_export,
    params=[
        click.Argument(["file"], type=_NEW_FILE),
        click.Option(["--site"], help="Of one site; without it, of all."),
        click.Option(["--format"], type=click.Choice([form.value for form in ExportFormat]), default="jsonl"),
        *connection_options(),
        json_option(),
    ],
    help="Write the whole register of decisions to a file, as CSV or as JSON lines. It names no patient.",
    short_help="Write the register of decisions to a file",
)

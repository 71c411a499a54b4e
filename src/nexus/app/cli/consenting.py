"""Receipts and the register as files: saved from the platform, and receipts checked with public keys alone."""

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from nexus.app.cli.options import CONNECTION, Caller, connection_options, json_option, terminal
from nexus.app.cli.receipts import NEW_FILE, save, verify_command
from nexus.app.cli.rest_client import RestClient
from nexus.app.operations import operation
from nexus.consent import receipt_format
from nexus.consent.requests import ExportFormat, ReceiptForm, Tongue
from nexus.kernel.errors import Invalid

PURPOSE: Final = "compliance"


def _verify(content: bytes, prove: receipt_format.Prove) -> receipt_format.Verified:
    if content.startswith(b"%PDF"):
        raise Invalid(
            "this is the printed receipt",
            code="consent.receipt-form",
            hint="save its attachment (the .json in it) and verify that",
        )
    return receipt_format.verify(content, prove)


verify_receipt = verify_command(
    _verify, max_bytes=receipt_format.MAX_RECEIPT_BYTES, what="patient's decision", short="decision"
)


# Saving


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
        click.Argument(["file"], type=NEW_FILE),
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
        click.Argument(["file"], type=NEW_FILE),
        click.Option(["--site"], help="Of one site; without it, of all."),
        click.Option(["--format"], type=click.Choice([form.value for form in ExportFormat]), default="jsonl"),
        *connection_options(),
        json_option(),
    ],
    help="Write the whole register of decisions to a file, as CSV or as JSON lines. It names no patient.",
    short_help="Write the register of decisions to a file",
)

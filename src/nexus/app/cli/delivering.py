"""Deliveries as files: a folder gets its manifest, receipts are saved and checked with public keys alone."""

import csv
import hashlib
from base64 import b64decode
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import pyarrow.parquet

from nexus.app.cli.options import CONNECTION, Caller, connection_options, json_option, terminal
from nexus.app.cli.receipts import FILE, NEW_FILE, save, verify_command
from nexus.app.operations import operation
from nexus.kernel.errors import Invalid
from nexus.warehouse.intake import manifest, receipt_format
from nexus.warehouse.intake.agreement import Agreement, FileKind, Table
from nexus.warehouse.intake.fhir_rows import bundle, ndjson
from nexus.warehouse.intake.manifest import FileSaid, Follows, Kind, Manifest
from nexus.warehouse.intake.report import FaultyError
from nexus.warehouse.intake.unpacking import unpacked

PURPOSE: Final = "operation"
CHUNK_BYTES: Final = 1 << 20


# The manifest of a folder


def _pack(folder: Path, **typed: Any) -> None:
    screen = terminal(typed["as_json"])
    agreement = _agreement(typed["agreement"])
    with screen.progress() as bar:
        task = bar.add_task("", total=None)
        files = []
        for path in sorted(path for path in folder.iterdir() if path.is_file() and path.name != manifest.NAME):
            bar.update(task, description=path.name)
            files.append(_said(path, agreement))
    follows = _follows(typed["follows"], typed["provider"])
    said = Manifest(
        format=manifest.FORMAT,
        provider=typed["provider"],
        number=typed["number"],
        schema_version=agreement.schema_version,
        period_from=_day(typed["period_from"]),
        period_until=_day(typed["period_until"]),
        files=tuple(files),
        kind=Kind.WHOLE if follows is None else Kind.CHANGES,
        follows=follows,
    )
    for problem in manifest.against(said, said.provider, agreement, date.today()):
        raise Invalid(f"{problem.file}: {problem.hint}", code="intake.manifest")
    new = folder / f".{manifest.NAME}.new"
    new.write_bytes(msgspec.json.format(msgspec.json.encode(said)) + b"\n")
    new.replace(folder / manifest.NAME)
    if screen.json:
        screen.document({"file": str(folder / manifest.NAME), "files": len(files), "rows": sum(f.rows for f in files)})
    else:
        screen.good(f"{screen.say('saved')} {folder / manifest.NAME}")


def _agreement(path: Path) -> Agreement:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Agreement)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Invalid(f"{path.name} is no agreement: {error}", code="intake.agreement") from None


def _follows(path: Path | None, provider: str) -> Follows | None:
    """What changes follow, by the manifest that it was delivered with."""
    if path is None:
        return None
    content = path.read_bytes()
    try:
        before = manifest.read(content)
    except FaultyError as error:
        raise Invalid(f"{path.name} is no manifest: {error.problem.hint}", code="intake.manifest") from None
    if before.provider != provider:
        raise Invalid(f"{path.name} is the manifest of another provider", code="intake.manifest")
    return Follows(number=before.number, manifest_sha256=hashlib.sha256(content).hexdigest())


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("a day is written as 2026-11-27", code="cli.day") from None


def _said(path: Path, agreement: Agreement) -> FileSaid:
    """A file belongs to the table that its name begins with, in small letters or large: `stays.csv`, `Patient.000.ndjson`, `stays-2026.csv.gz`."""
    stem = path.name.partition(".")[0].lower()
    named = [(table, table.name.lower()) for table in agreement.tables]
    fitting = [table for table, name in named if stem == name or stem.startswith(f"{name}-")]
    if not fitting:
        raise Invalid(
            f"{path.name} belongs to no table",
            code="intake.manifest",
            hint="a file is called like its table, such as stays.csv or stays-2026.csv.gz",
        )
    table = max(fitting, key=lambda each: len(each.name))
    digest = hashlib.sha256()
    for chunk in _chunks(path):
        digest.update(chunk)
    said = FileSaid(name=path.name, table=table.name, sha256=digest.hexdigest(), bytes=path.stat().st_size, rows=0)
    try:
        return msgspec.structs.replace(said, rows=_rows(path, said, table))
    except FaultyError as error:
        raise Invalid(f"{path.name}: {error.problem.hint}", code="intake.manifest") from None


def _rows(path: Path, said: FileSaid, table: Table) -> int:
    if table.kind is FileKind.PARQUET:
        return int(pyarrow.parquet.read_metadata(path).num_rows)
    content = unpacked(_chunks(path), said.compression)
    if table.kind is FileKind.FHIR_NDJSON:
        return sum(1 for _ in ndjson(content, table))
    if table.kind is FileKind.FHIR_BUNDLE:
        return sum(1 for _ in bundle(content, table))
    text = (line.decode(table.encoding.value, "replace") for line in _lines(content))
    return max(0, sum(1 for row in csv.reader(text, delimiter=table.separator) if row) - 1)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _lines(content: Iterator[bytes]) -> Iterator[bytes]:
    held = b""
    for chunk in content:
        *whole, held = (held + chunk).split(b"\n")
        yield from (line + b"\n" for line in whole)
    if held:
        yield held


# Receipts


def _receipt(provider: str, number: int, file: Path, **typed: Any) -> None:
    screen = terminal(typed["as_json"])
    with Caller(*(typed[name] for name in CONNECTION)).client() as client:
        asked = {"provider": provider, "number": number}
        given = client.call(operation("intake.delivery.receipt"), asked, purpose=PURPOSE).document
    save(file, [b64decode(given["content"])])
    if screen.json:
        screen.document({"file": str(file), "media_type": given["media_type"]})
    else:
        screen.good(f"{screen.say('saved')} {file}")


pack = click.Command(
    "pack",
    callback=_pack,
    params=[
        click.Argument(["folder"], type=click.Path(path_type=Path, exists=True, file_okay=False)),
        click.Option(["--provider"], required=True, help="The provider's name."),
        click.Option(["--number"], type=int, required=True, help="Of the delivery: higher than the one before."),
        click.Option(["--agreement"], type=FILE, required=True, help="What was agreed, as JSON."),
        click.Option(
            ["--follows"],
            type=FILE,
            help="The files hold changes alone, to an accepted delivery: its manifest, as it was delivered.",
        ),
        click.Option(["--period-from"], required=True, help="First day of the data, as 2026-01-01."),
        click.Option(["--period-until"], required=True, help="Last day of the data."),
        json_option(),
    ],
    help="Count and hash the files of a folder, and write their manifest beside them. Needs no platform.\n\n"
    "A file belongs to the table that its name begins with: stays.csv, stays-2026.csv.gz.",
    short_help="Write the manifest of a folder of files",
)
receipt = click.Command(
    "receipt",
    callback=_receipt,
    params=[
        click.Argument(["provider"]),
        click.Argument(["number"], type=int),
        click.Argument(["file"], type=NEW_FILE),
        *connection_options(),
        json_option(),
    ],
    help="Write the signed receipt of a delivery to a file.\n\n"
    "Anybody can check it with `nexus intake verify-receipt`, without this platform.",
    short_help="Write the receipt of a delivery to a file",
)
verify_receipt = verify_command(
    receipt_format.verify, max_bytes=receipt_format.MAX_RECEIPT_BYTES, what="delivery", short="delivery"
)

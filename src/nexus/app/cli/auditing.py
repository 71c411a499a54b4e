"""Taking proofs home: receipts, the log's policy, and whole copies, as files that `nexus audit verify` checks offline."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from nexus.app.cli.options import CONNECTION, Caller, connection_options, json_option, terminal
from nexus.app.cli.rest_client import RestClient
from nexus.app.cli.terminal import Terminal
from nexus.app.operations import operation
from nexus.audit.export_files import write_export
from nexus.audit.model import ExportPage
from nexus.kernel.errors import Conflict
from nexus.web import codec

PURPOSE = "audit"
_FILE = click.Path(path_type=Path, dir_okay=False)


def _save(screen: Terminal, file: Path, text: str) -> None:
    """Never over something else: a proof that is already there may be the only one."""
    try:
        with file.open("x", encoding="utf-8", newline="") as out:
            out.write(text)
    except FileExistsError as error:
        raise Conflict(f"{file} is already there", code="cli.file-exists", hint="name another file") from error
    if not screen.json:
        screen.good(f"{screen.say('saved')} {file}")


def _receipt(index: int, file: Path, **common: Any) -> None:
    screen = terminal(common["as_json"])
    with Caller(*(common[name] for name in CONNECTION)).client() as client:
        proof = client.call(operation("audit.entry.prove"), {"index": index}, purpose=PURPOSE).document
    _save(screen, file, proof["text"])
    if screen.json:
        screen.document({key: part for key, part in proof.items() if key != "text"} | {"file": str(file)})
    else:
        screen.note(f"{screen.say('verify.how')} nexus audit verify {file} --policy FILE")


receipt = click.Command(
    "receipt",
    callback=_receipt,
    params=[
        click.Argument(["index"], type=click.IntRange(0)),
        click.Argument(["file"], type=_FILE),
        *connection_options(),
        json_option(),
    ],
    help="Prove an entry of the audit log with a receipt in a file.\n\n"
    "Anybody can check the receipt with `nexus audit verify`, without this platform.",
    short_help="Write the receipt of an entry to a file",
)


def _policy(file: Path, **common: Any) -> None:
    screen = terminal(common["as_json"])
    with Caller(*(common[name] for name in CONNECTION)).client() as client:
        log = client.call(operation("audit.log.read"), {}, purpose=PURPOSE).document
    _save(screen, file, log["policy"])
    if screen.json:
        screen.document({"origin": log["origin"], "file": str(file)})


policy = click.Command(
    "policy",
    callback=_policy,
    params=[click.Argument(["file"], type=_FILE), *connection_options(), json_option()],
    help="Write the log's public keys and its witnesses to a file, in the C2SP tlog-policy form.\n\n"
    "Keep it where the platform cannot change it: it is what receipts and copies are checked against.",
    short_help="Write the keys and witnesses of the log to a file",
)


def _export(directory: Path, *, opened: bool, **common: Any) -> None:
    screen = terminal(common["as_json"])
    with Caller(*(common[name] for name in CONNECTION)).client() as client, screen.progress() as bar:
        task = bar.add_task(directory.name, total=None)
        pages = _pages(client, opened, lambda page: bar.update(task, completed=page.next or page.size, total=page.size))
        covered = write_export(directory, pages)
    if screen.json:
        screen.document({"origin": covered.origin, "size": covered.size, "directory": str(directory)})
    else:
        screen.good(f"{covered.size} {screen.say('exported')} {directory}")
        screen.note(f"{screen.say('verify.how')} nexus audit verify {directory}")


def _pages(client: RestClient, opened: bool, seen: Callable[[ExportPage], None]) -> Iterator[ExportPage]:
    """Pages of one export: the first fixes the size, the others ask for the same."""
    request: dict[str, Any] = {"opened": opened}
    while True:
        reply = client.call(operation("audit.log.export"), request, purpose=PURPOSE)
        page: ExportPage = codec.from_builtins(reply.document, ExportPage)
        seen(page)
        yield page
        if page.next is None:
            return
        request |= {"first": page.next, "size": page.size}


export = click.Command(
    "export",
    callback=_export,
    params=[
        click.Argument(["directory"], type=click.Path(path_type=Path, file_okay=False)),
        click.Option(["--opened"], is_flag=True, help="Take the content of the entries along, in the clear."),
        *connection_options(),
        json_option(),
    ],
    help="Copy the audit log into a new directory, as the C2SP files that anybody can check.\n\n"
    "Without --opened the copy proves what was logged and says nothing of it.",
    short_help="Copy the log into a directory that can be checked elsewhere",
)

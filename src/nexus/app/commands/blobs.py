"""`nexus objects fsck` and `nexus objects add-place`, at the machine itself."""

import asyncio
import os
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from nexus.app import control, settings
from nexus.app.cli.options import data_option, json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.app.control import Request
from nexus.app.datadir import PRIVATE, DataDirectory, open_directory
from nexus.app.fsck.examining import Findings
from nexus.objects.blobs.copies import Copies

POLL_S: Final = 0.2
EXIT_BROKEN: Final = 1
"""Something was found that was not mended."""


def _fsck(**typed: Any) -> int:
    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    request = Request(do="fsck", read=typed["read"] or typed["mend"], mend=typed["mend"])
    found = asyncio.run(_examine(screen, directory, request))
    if screen.json:
        screen.document(msgspec.to_builtins(found))
    else:
        _say(screen, found)
    return 0 if found.is_whole else EXIT_BROKEN


async def _examine(screen: Terminal, directory: DataDirectory, request: Request) -> Findings:
    async def ask(request: Request) -> Findings:
        return msgspec.convert(await control.ask(directory.control_socket, request), Findings)

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    hidden = screen.json or not screen.err.is_terminal
    with Progress(*columns, console=screen.err, transient=True, disable=hidden) as bar:
        task = bar.add_task("waiting", total=None)
        found = await ask(request)
        while not found.finished:
            await asyncio.sleep(POLL_S)
            found = await ask(Request(do="fsck-progress"))
            bar.update(task, description=found.what, completed=found.done, total=found.total or None)
    return found


def _say(screen: Terminal, found: Findings) -> None:
    aside = f"{found.blobs:,} blobs" + (
        f", {found.bytes:,} bytes read" if found.bytes else "; --read compares every byte"
    )
    if found.is_whole:
        screen.good("The object store is whole", aside=aside)
    else:
        screen.note(f"The object store is NOT whole ({aside})")
    for problem in found.problems:
        where = " ".join(part for part in (problem.bucket, problem.place) if part)
        screen.note(f"{problem.what}: {problem.about}" + (f" ({where})" if where else ""))
    left = found.bad_rows + found.bad_copies - len(found.problems)
    if left > 0:
        screen.note(f"... and {left:,} more")
    if found.silent:
        screen.note(
            f"No place answers: {found.total - found.done:,} of {found.total:,} blobs were not asked for. `nexus doctor` says what is wrong."
        )
    elif found.away:
        screen.note(f"{found.away:,} copies lie in places that do not answer: bring them back, and examine again.")
    if found.unlisted:
        screen.note("A place did not say what it keeps: blobs that belong to nothing were not all counted.")
    if found.bad_copies > found.mended and not found.lost:
        screen.note("Good copies are left: `nexus objects fsck --mend` writes the others anew.")
    if found.lost:
        screen.note(f"{found.lost:,} blobs have no good copy: bring them back from a backup (`nexus backup`).")
    if found.recounted:
        screen.note(f"{found.recounted:,} buckets were counted anew, and hold now what is counted.")
    if found.unknown:
        screen.note(f"{found.unknown:,} blobs belong to nothing: a crash left them, and the worker removes them.")


fsck = click.Command(
    "fsck",
    callback=_fsck,
    params=[
        data_option(),
        click.Option(["--read"], is_flag=True, help="Read every byte, and compare it with what was written."),
        click.Option(["--mend"], is_flag=True, help="Write bad copies anew from good ones. Reads every byte."),
        json_option(),
    ],
    help="Examine whether the object store is whole: rows, blobs and their copies. Changes nothing without --mend.\n\n"
    "Exits with 1 if something was found that was not mended.",
    short_help="Examine whether the store is whole",
)


def _add_place(folder: Path, **typed: Any) -> None:
    os.umask(PRIVATE)
    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    chosen = settings.load(directory.description)
    places = Copies([Path(each) for each in chosen.blob_folders], directory.instance, least=chosen.blob_copies_least)
    try:
        places.add(folder.absolute())
    finally:
        places.close()
    if screen.json:
        screen.document({"place": str(folder.absolute())})
    else:
        screen.good(f"{folder.absolute()} is a place of this platform", aside="the worker fills it within the hour")


add_place = click.Command(
    "add-place",
    callback=_add_place,
    params=[click.Argument(["folder"], type=click.Path(path_type=Path)), data_option(), json_option()],
    help="Take in an empty FOLDER that the setting blob_folders names: on a new disk, or in place of one that died.\n\n"
    "Only a folder that was taken in is written to, so that a disk that is not mounted is not mistaken for an empty one.",
    short_help="Take in a disk for copies of blobs",
)

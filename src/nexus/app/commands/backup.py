"""`nexus backup`: save a running platform, check what was saved, bring it back."""

import asyncio
import getpass
import os
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from nexus.app import control, settings
from nexus.app.backup import manifest as manifests
from nexus.app.backup import restoring
from nexus.app.backup.accepting import accept
from nexus.app.backup.job import BackupProgress
from nexus.app.cli.options import data_option, json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.app.commands.stopped import secret_files, secrets_in, unsealed
from nexus.app.control import Request
from nexus.app.custody import Index
from nexus.app.datadir import PRIVATE, DataDirectory, open_directory
from nexus.app.parts import SUPERVISOR
from nexus.app.schema import Place
from nexus.app.settings import Settings
from nexus.kernel.clock import SystemClock
from nexus.kernel.secret import Secret

POLL_S = 0.1


@contextmanager
def _bar(screen: Terminal) -> Any:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    hidden = screen.json or not screen.err.is_terminal
    with Progress(*columns, console=screen.err, transient=True, disable=hidden) as bar:
        yield bar


def _told(bar: Any, what: str) -> Callable[[int, int], None]:
    task = bar.add_task(what, total=None)
    return lambda done, total: bar.update(task, completed=done, total=total)


# create


def _create(destination: Path, **typed: Any) -> None:
    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    with _bar(screen) as bar:
        made = asyncio.run(_make(directory, destination.absolute(), bar))
    if screen.json:
        screen.document(msgspec.to_builtins(made) | {"destination": str(destination)})
    else:
        size = f"{made.files:,} files, {made.bytes:,} bytes, {made.log_size:,} entries"
        screen.good(f"Backup written to {destination}", aside=size)
        if engine := settings.load(directory.description).blob_engine_url:
            screen.note(
                f"Contents larger than a row are not in it: {engine} keeps them, and its own backup saves them."
            )


async def _make(directory: DataDirectory, destination: Path, bar: Any) -> BackupProgress:
    async def ask(request: Request) -> BackupProgress:
        return msgspec.convert(await control.ask(directory.control_socket, request), BackupProgress)

    task = bar.add_task("starting", total=None)
    await ask(Request(do="backup", path=str(destination)))
    while not (progress := await ask(Request(do="backup-progress"))).finished:
        bar.update(task, description=progress.what, completed=progress.done, total=progress.total or None)
        await asyncio.sleep(POLL_S)
    return progress


# verify, restore


def _verify(source: Path, **typed: Any) -> None:
    screen = terminal(typed["as_json"])
    manifest = manifests.read(source)
    with _bar(screen) as bar:
        manifests.verify(source, manifest, _told(bar, "verifying"))
    if screen.json:
        screen.document({"instance": manifest.instance, "files": len(manifest.files), "bytes": manifest.bytes})
    else:
        screen.good(f"The backup of {manifest.instance} is whole", aside=f"{len(manifest.files):,} files")


def _restore(source: Path, **typed: Any) -> None:
    os.umask(PRIVATE)
    screen = terminal(typed["as_json"])
    root = typed["data"] or settings.data_path()
    with _bar(screen) as bar:
        directory = restoring.restore(source, root, _told(bar, "restoring"))
    anchors = directory.anchors(settings.load(directory.description).anchors)
    missing = [str(path) for path in anchors if not path.exists()]
    if screen.json:
        screen.document({"data": str(directory.root), "instance": directory.instance, "anchors_missing": missing})
        return
    screen.good(f"Restored into {directory.root}", aside="the first start records it in the audit log")
    for path in missing:
        screen.note(f"The register of anchors is not at {path}: bring it, or name its directory with NEXUS_ANCHORS.")


# accept


def _accept(**typed: Any) -> None:
    os.umask(PRIVATE)
    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    chosen = settings.load(directory.description)
    secrets = secrets_in(typed["secret_file"])
    index = asyncio.run(_begin_generation(screen, directory, chosen, secrets))
    if screen.json:
        screen.document({"origin": index.origin, "keys": list(index.log_keys)})
        return
    screen.good(f"The log goes on as {index.origin}", aside="its first entry says why")
    screen.note("Tell each witness of it: nexus witness trust DIRECTORY KEY KEY (--json prints the keys).")


async def _begin_generation(
    screen: Terminal, directory: DataDirectory, chosen: Settings, secrets: list[Secret]
) -> Index:
    async with unsealed(screen, directory, chosen, secrets) as kms:
        return await accept(kms, Place(directory, chosen, SUPERVISOR), SystemClock(), getpass.getuser())


_BACKUP = click.Argument(["source"], type=click.Path(path_type=Path, exists=True, file_okay=False))

backup = click.Group(
    "backup",
    help="Save a running platform, check what was saved, and bring it back.\n\n"
    "A backup is as encrypted as the platform: it holds wrapped keys only.",
    short_help="Save a platform, and bring it back",
    commands=[
        click.Command(
            "create",
            callback=_create,
            params=[
                click.Argument(["destination"], type=click.Path(path_type=Path, file_okay=False)),
                data_option(),
                json_option(),
            ],
            help="Write a backup of the running platform into a new directory.",
        ),
        click.Command(
            "verify", callback=_verify, params=[_BACKUP, json_option()], help="Check that a backup is whole."
        ),
        click.Command(
            "restore",
            callback=_restore,
            params=[_BACKUP, data_option(), json_option()],
            help="Make a new data directory (--data) from a backup.\n\n"
            "Keys that were destroyed since then stay destroyed. The register of anchors must be at hand.",
        ),
        click.Command(
            "accept",
            callback=_accept,
            params=[
                secret_files(),
                data_option(),
                json_option(),
            ],
            help="Go on after a restore although witnesses remember a longer log.\n\n"
            "The log continues under a new name, and its first entry says why. Entries since the backup are lost.",
        ),
    ],
)

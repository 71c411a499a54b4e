"""`nexus database`: move the database of a platform from its file to a PostgreSQL server."""

import asyncio
import getpass
import os
from typing import Any

import click
import msgspec

from nexus.app import settings
from nexus.app.cli.options import data_option, json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.app.commands.found import assignment
from nexus.app.commands.stopped import secret_files, secrets_in, unsealed
from nexus.app.datadir import PRIVATE, DataDirectory, open_directory
from nexus.app.moving import Moved
from nexus.app.moving import move as move_database
from nexus.app.settings import Settings
from nexus.kernel.clock import SystemClock
from nexus.kernel.secret import Secret


def _move(**typed: Any) -> None:
    os.umask(PRIVATE)
    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    chosen = settings.load(directory.description, **dict(assignment(text) for text in typed["set"]))
    secrets = secrets_in(typed["secret_file"])
    moved = asyncio.run(_moved(screen, directory, chosen, secrets))
    if screen.json:
        screen.document(msgspec.to_builtins(moved))
        return
    size = f"{moved.tables:,} tables, {moved.rows:,} rows, {moved.log_size:,} entries, each read back"
    screen.good(f"The database is on {chosen.database_host}", aside=size)
    screen.note(f"{moved.former} is of no use any more. Remove it once a backup of the moved platform is made.")


async def _moved(screen: Terminal, directory: DataDirectory, chosen: Settings, secrets: list[Secret]) -> Moved:
    async with unsealed(screen, directory, chosen, secrets) as kms:
        with screen.waiting("moving the database"):
            return await move_database(kms, directory, chosen, SystemClock(), user=getpass.getuser())


database = click.Group(
    "database",
    help="Where identities, rights, names of objects and the audit log are kept.",
    commands=[
        click.Command(
            "move",
            callback=_move,
            params=[
                click.Option(
                    ["--set"], multiple=True, metavar="NAME=VALUE", help="A setting of the server: database_host=…"
                ),
                secret_files(),
                data_option(),
                json_option(),
            ],
            help="Move the database of a stopped platform from its file to a PostgreSQL server.\n\n"
            "Every row is read back before the settings name the server. If it ends before that, the platform goes on with"
            " its file, and the move may be begun again.",
        ),
    ],
)

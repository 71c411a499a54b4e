"""`nexus intake ssh-key`: the SSH key that belongs to an access key, made where its secret is. Needs no platform."""

from pathlib import Path
from typing import Any, Final

import click

from nexus.app.cli.options import json_option, terminal
from nexus.app.cli.parameters import read_secret
from nexus.app.cli.receipts import NEW_FILE, save
from nexus.kernel.secret import Secret
from nexus.warehouse.sftp import keys

_ASK: Final = "ask.access-key"


def _make(access_key: str, file: Path, **typed: Any) -> None:
    screen = terminal(typed["as_json"])
    named = typed["secret_file"]
    secret = Secret(read_secret(named).encode()) if named else screen.ask_secret(_ASK)
    key = keys.private_key(access_key, secret)
    save(file, [keys.private_file(key)])
    if screen.json:
        screen.document({"file": str(file), "user": access_key, "public": keys.public_line(key)})
    else:
        screen.good(f"{screen.say('saved')} {file}")
        screen.note(f"sftp -i {file} -P PORT {access_key}@HOST")


ssh_key = click.Command(
    "ssh-key",
    callback=_make,
    params=[
        click.Argument(["access_key"], metavar="ACCESS_KEY_ID"),
        click.Argument(["file"], type=NEW_FILE),
        click.Option(
            ["--secret-file"], metavar="FILE", help="Where the secret of the access key is; asked for if not said."
        ),
        json_option(),
    ],
    help="Write the SSH key that belongs to an access key, to deliver over SFTP. Needs no platform.\n\n"
    "It is made of the access key's secret, and ends with it; nobody computes the secret from it.",
    short_help="Write the SSH key that belongs to an access key",
)

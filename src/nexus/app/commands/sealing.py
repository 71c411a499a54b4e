"""`nexus seal` and `nexus unseal`, at the machine itself: they work also when nobody can sign in."""

import asyncio
from typing import Any

import click
import msgspec

from nexus.app import control, settings
from nexus.app.cli.options import data_option, json_option, terminal
from nexus.app.cli.parameters import read_secret
from nexus.app.commands.show import ask_status, ask_unseal
from nexus.app.control import Request
from nexus.app.datadir import open_directory
from nexus.kernel.secret import Secret
from nexus.kms.model import KeyServiceStatus, ServiceState


def _unseal(**typed: Any) -> None:
    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    if typed["secret_file"]:
        secret = Secret(read_secret(typed["secret_file"]).encode())
    else:
        before = asyncio.run(ask_status(directory)).key_service
        by_share = before is not None and before.unseal_with == "shares"
        secret = screen.ask_secret("ask.share" if by_share else "ask.passphrase")
    with screen.waiting("unsealing"):
        after = asyncio.run(ask_unseal(directory, secret))
    if screen.json:
        screen.document(msgspec.to_builtins(after))
    else:
        _say(screen, after)


def _say(screen: Any, after: KeyServiceStatus) -> None:
    if after.state is ServiceState.UNSEALED:
        screen.good("The platform is unsealed")
    elif after.progress is not None:
        missing = after.progress.threshold - after.progress.received
        screen.good(
            f"Share accepted: {after.progress.received} of {after.progress.threshold}", aside=f"{missing} to go"
        )
    else:
        screen.note(f"The key service is {after.state.value}.")


unseal = click.Command(
    "unseal",
    callback=_unseal,
    params=[
        data_option(),
        click.Option(["--secret-file"], metavar="FILE", help="First line is the passphrase or share; - reads stdin."),
        json_option(),
    ],
    help="Give the platform its passphrase, or one custodian's share. Each custodian does this with his own share.",
    short_help="Give the passphrase or a share",
)


def _seal(**typed: Any) -> None:
    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    with screen.waiting("sealing"):
        sealing = asyncio.run(control.ask(directory.control_socket, Request(do="seal")))
    if screen.json:
        screen.document(sealing)
    else:
        screen.good("The platform is sealed: every read and write is refused", aside="nexus unseal")


seal = click.Command(
    "seal",
    callback=_seal,
    params=[data_option(), json_option()],
    help="Seal the platform now: keys leave memory, every read and write is refused until it is unsealed.",
    short_help="Stop every read and write",
)

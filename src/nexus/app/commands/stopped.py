"""What commands need that work on a stopped platform: its directory for themselves, and its keys."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import click

from nexus.app.cli.parameters import read_secret
from nexus.app.cli.terminal import Terminal
from nexus.app.datadir import DataDirectory, locked
from nexus.app.keyservice import RunningKeyService
from nexus.app.parts import SUPERVISOR, platform_operation
from nexus.app.settings import Settings
from nexus.kernel.clock import SystemClock
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient
from nexus.kms.model import ServiceState


def secret_files() -> click.Option:
    """`--secret-file`, for those who are not at the keyboard."""
    return click.Option(["--secret-file"], multiple=True, metavar="FILE", help="Passphrase or share, one a file.")


def secrets_in(files: Sequence[str]) -> list[Secret]:
    """What those files hold."""
    return [Secret(read_secret(file).encode()) for file in files]


@asynccontextmanager
async def unsealed(
    screen: Terminal, directory: DataDirectory, chosen: Settings, secrets: Sequence[Secret]
) -> AsyncIterator[KeyServiceClient]:
    """The key service alone, unsealed with `secrets`, then by asking. Raises Conflict while a platform runs here."""
    waiting, clock = list(secrets), SystemClock()
    with locked(directory) as lock:
        async with RunningKeyService(directory, chosen, lock) as kms:
            status = await kms.status()
            while status.state is not ServiceState.UNSEALED:
                key = "ask.share" if status.unseal_with == "shares" else "ask.passphrase"
                secret = waiting.pop(0) if waiting else screen.ask_secret(key)
                status = await kms.unseal(secret, platform_operation(SUPERVISOR, clock))
            yield kms

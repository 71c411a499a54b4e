"""`nexus up` and `nexus down`: the platform's life on this machine."""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from nexus.app import control, daemon, settings
from nexus.app.cli.options import data_option, json_option, terminal
from nexus.app.cli.terminal import Terminal
from nexus.app.commands.show import ask_status, ask_unseal, show_status
from nexus.app.control import Request
from nexus.app.daemon import Detached
from nexus.app.datadir import PRIVATE, DataDirectory, is_locked, open_directory
from nexus.app.settings import Settings
from nexus.app.status import Phase, PlatformStatus
from nexus.app.supervisor import Supervisor, passphrase_from
from nexus.kernel.errors import Conflict, NexusError, Sealed, Unavailable

START_WAIT_S = 60.0
STOP_WAIT_S = 60.0
SEALED_WAIT_S = 15.0
"""How long a platform with a passphrase at hand may stay sealed before that is said."""
_POLL_S = 0.1


def _up(**typed: Any) -> None:
    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    os.umask(PRIVATE)
    chosen = settings.load(directory.description)
    _refuse_a_second(directory)
    passphrase = Path(typed["passphrase_file"]).absolute() if typed["passphrase_file"] else None
    if typed["detach"]:
        _up_detached(screen, directory, chosen, passphrase)
    else:
        _up_here(screen, directory, chosen, passphrase)


def _refuse_a_second(directory: DataDirectory) -> None:
    """Say at once that a platform runs here. One that was killed does not answer; the lock waits for its remains."""
    with suppress(Unavailable):
        running = asyncio.run(ask_status(directory))
        if running.phase is not Phase.STOPPING:
            raise Conflict(
                f"a platform runs on {directory.root} already", code="data.in-use", hint="`nexus status` shows it"
            )


# In this terminal


def _up_here(screen: Terminal, directory: DataDirectory, chosen: Settings, passphrase: Path | None) -> None:
    watched = sys.stderr.isatty()
    if watched:  # people see phases, the journal gets the messages
        screen.out = screen.err = Console(file=os.fdopen(os.dup(2), "w"), highlight=False, emoji=False)
        daemon.send_messages_to(daemon.open_journal(directory.journal))
    daemon.log_messages(chosen.log_level)
    asyncio.run(_supervise(screen, directory, chosen, passphrase, watched=watched))


async def _supervise(
    screen: Terminal, directory: DataDirectory, chosen: Settings, passphrase: Path | None, *, watched: bool
) -> None:
    tasks: set[asyncio.Task[None]] = set()

    def on_phase(phase: Phase) -> None:
        if not watched:
            return
        if phase is Phase.SEALED and passphrase is None:
            tasks.add(asyncio.create_task(_ask_passphrase(screen, supervisor)))
        elif phase is Phase.OPENING:
            screen.good("Unsealed", aside="opening the database, starting the doors")
        elif phase is Phase.RUNNING:
            tasks.add(asyncio.create_task(_announce(screen, supervisor)))
        elif phase is Phase.STOPPING:
            screen.note("stopping")

    supervisor = Supervisor(directory, chosen, passphrase=passphrase_from(passphrase), on_phase=on_phase)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.stop)
    await supervisor.run()


async def _ask_passphrase(screen: Terminal, supervisor: Supervisor) -> None:
    """At the keyboard, while the platform waits; shares come with `nexus unseal`, also from other terminals."""
    status = await supervisor.status()
    if status.key_service is None or status.key_service.unseal_with != "passphrase":
        screen.note("sealed: custodians unseal it with `nexus unseal`")
        return
    while supervisor.phase is Phase.SEALED:
        secret = await asyncio.to_thread(screen.ask_secret, "ask.passphrase")
        try:
            await supervisor.unseal(secret)
            return
        except NexusError as error:
            screen.error(error)


async def _announce(screen: Terminal, supervisor: Supervisor) -> None:
    show_status(screen, await supervisor.status())
    screen.note("Ctrl-C stops the platform")


# In the background


def _up_detached(screen: Terminal, directory: DataDirectory, chosen: Settings, passphrase: Path | None) -> None:
    def supervise() -> None:
        daemon.log_messages(chosen.log_level)
        asyncio.run(_supervise(screen, directory, chosen, passphrase, watched=False))

    started = daemon.detach(supervise, directory.journal)
    with screen.waiting("starting"):
        status = wait_until_up(directory, started, sealed_for_s=SEALED_WAIT_S if passphrase else 0)
    if status.phase is Phase.SEALED and passphrase is None and sys.stdin.isatty() and _takes_passphrase(status):
        secret = screen.ask_secret("ask.passphrase")
        with screen.waiting("unsealing"):
            asyncio.run(ask_unseal(directory, secret))
            status = wait_until_up(directory, started, sealed_for_s=SEALED_WAIT_S)
    if status.trouble:
        raise Sealed(
            f"the platform is up and sealed: {status.trouble}",
            code="platform.sealed",
            hint="mend it and `nexus unseal`, or `nexus down`",
        )
    show_status(screen, status)


def _takes_passphrase(status: PlatformStatus) -> bool:
    return status.key_service is not None and status.key_service.unseal_with == "passphrase"


def wait_until_up(directory: DataDirectory, started: Detached, *, sealed_for_s: float) -> PlatformStatus:
    """Wait until the platform runs, or is still sealed after `sealed_for_s`. Raises why it did not start."""
    begun = time.monotonic()
    while time.monotonic() < begun + START_WAIT_S:
        if failure := started.failure():
            raise failure
        with suppress(Unavailable):  # not listening yet
            status = asyncio.run(ask_status(directory))
            if status.phase is Phase.RUNNING:
                return status
            if status.phase is Phase.SEALED and (status.trouble or time.monotonic() > begun + sealed_for_s):
                return status
        time.sleep(_POLL_S)
    raise Unavailable(
        "the platform did not start in time", code="platform.slow", hint=f"its messages are in {directory.journal}"
    )


def _down(**typed: Any) -> None:
    screen = terminal(typed["as_json"])
    directory = open_directory(typed["data"] or settings.data_path())
    with screen.waiting("stopping"):
        was_running = stop_platform(directory)
    if screen.json:
        screen.document({"stopped": was_running})
    elif was_running:
        screen.good("The platform has stopped")
    else:
        screen.note("The platform was not running.")


def stop_platform(directory: DataDirectory) -> bool:
    """Stop the platform and wait for its last process; False if none was running. Raises Unavailable if it stays."""
    try:
        asyncio.run(control.ask(directory.control_socket, Request(do="stop")))
    except Unavailable:
        if not is_locked(directory):
            return False
    deadline = time.monotonic() + STOP_WAIT_S
    while is_locked(directory):
        if time.monotonic() > deadline:
            raise Unavailable(
                "the platform is still stopping", code="platform.stopping", hint="`nexus status` shows what runs"
            )
        time.sleep(_POLL_S)
    return True


up = click.Command(
    "up",
    callback=_up,
    params=[
        data_option(),
        click.Option(["--passphrase-file"], metavar="FILE", help="Unseal with its first line, now and after a crash."),
        click.Option(["--detach"], is_flag=True, help="Run in the background."),
        json_option(),
    ],
    help="Start the platform: key service, worker, REST door, S3 door.\n\n"
    "It starts sealed and asks for the passphrase; custodians bring their shares with `nexus unseal`. Ctrl-C stops it.",
    short_help="Start the platform",
)

down = click.Command(
    "down",
    callback=_down,
    params=[data_option(), json_option()],
    help="Stop the platform: doors first, then the worker, the key service last. Running requests get time to finish.",
    short_help="Stop the platform",
)

"""`nexus witness`: another party's memory of the log, on another machine."""

import asyncio
import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.table import Table

from nexus.app import daemon, witnessing
from nexus.app.cli.options import json_option, terminal
from nexus.app.cli.parameters import read_secret
from nexus.app.cli.terminal import Terminal
from nexus.app.datadir import PRIVATE
from nexus.app.pki import Leaf
from nexus.app.witnessing import WitnessDirectory
from nexus.audit.witness.keys import WitnessKeys
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict, Invalid, Unavailable
from nexus.kernel.secret import Secret

STOP_WAIT_S = 15.0
NEVER = Instant(2**62)


def _passphrase(file: str | None) -> Secret | None:
    return Secret(read_secret(file).encode()) if file else None


def _show(screen: Terminal, directory: WitnessDirectory, passphrase: Secret | None) -> None:
    keys = [str(key) for key in WitnessKeys.load(directory.keys_file, directory.name, passphrase).public]
    logs = [log[0].name for log in directory.logs]
    if screen.json:
        screen.document({"name": directory.name, "directory": str(directory.root), "keys": keys, "logs": logs})
        return
    card = Table.grid(padding=(0, 2))
    card.add_column(style="dim", no_wrap=True)
    card.add_column(overflow="fold")
    card.add_row("witness", directory.name)
    for key in keys:
        card.add_row("key", key if len(key) < 200 else f"{key[:96]}… ({len(key)} characters, --json shows it)")
    for log in logs:
        card.add_row("cosigns", log)
    screen.show(card)


# init, show, trust


def _init(directory: Path, **typed: Any) -> None:
    os.umask(PRIVATE)
    passphrase = _passphrase(typed["passphrase_file"])
    made = witnessing.create(directory, typed["name"], passphrase)
    _show(terminal(typed["as_json"]), made, passphrase)


def _show_it(directory: Path, **typed: Any) -> None:
    _show(terminal(typed["as_json"]), witnessing.open_witness(directory), _passphrase(typed["passphrase_file"]))


def _trust(directory: Path, keys: tuple[str, ...], **typed: Any) -> None:
    os.umask(PRIVATE)
    screen = terminal(typed["as_json"])
    knowing = witnessing.trust(witnessing.open_witness(directory), keys)
    logs = [log[0].name for log in knowing.logs]
    if screen.json:
        screen.document({"name": knowing.name, "logs": logs})
    else:
        screen.good(f"{knowing.name} cosigns {', '.join(logs)}", aside="from its next start on")


# run, stop


def _run(directory: Path, **typed: Any) -> None:
    os.umask(PRIVATE)
    screen = terminal(typed["as_json"])
    witness = witnessing.open_witness(directory)
    host, _, port = typed["listen"].rpartition(":")
    if not host or not port.isdecimal():
        raise Invalid("--listen takes ADDRESS:PORT", code="witness.listen")
    leaf = _leaf(typed["certificate"], typed["key"])
    passphrase = _passphrase(typed["passphrase_file"])

    def serve() -> None:
        daemon.log_messages("info", "witness")
        asyncio.run(_serve(witness, passphrase, host=host, port=int(port), leaf=leaf))

    if not typed["detach"]:
        serve()
        return
    started = daemon.detach(serve, witness.journal)
    _wait_for(started, host, int(port))
    if screen.json:
        screen.document({"pid": started.pid, "address": typed["listen"]})
    else:
        screen.good(f"{witness.name} listens on {typed['listen']}", aside=f"process {started.pid}")


async def _serve(witness: WitnessDirectory, passphrase: Secret | None, **where: Any) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with witness.pid_file.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("this witness runs already", code="witness.running") from error
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        await witnessing.run(witness, passphrase, stop=stop, **where)


def _wait_for(started: daemon.Detached, host: str, port: int) -> None:
    deadline = time.monotonic() + STOP_WAIT_S
    while time.monotonic() < deadline:
        if failure := started.failure():
            raise failure
        with suppress(OSError):
            asyncio.run(_connect(host, port))
            return
        time.sleep(0.05)
    raise Unavailable("the witness did not start in time", code="witness.slow")


async def _connect(host: str, port: int) -> None:
    _, writer = await asyncio.open_connection(host, port)
    writer.close()


def _leaf(certificate: Path | None, key: Path | None) -> Leaf | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise Invalid("--certificate and --key come together", code="witness.certificate")
    return Leaf(certificate.read_bytes(), Secret(key.read_bytes()), renew_at=NEVER, expires_at=NEVER)


def _stop(directory: Path, **typed: Any) -> None:
    screen = terminal(typed["as_json"])
    witness = witnessing.open_witness(directory)
    was_running = stop_witness(witness)
    if screen.json:
        screen.document(msgspec.to_builtins({"stopped": was_running}))
    elif was_running:
        screen.good(f"{witness.name} has stopped")
    else:
        screen.note("The witness was not running.")


def stop_witness(witness: WitnessDirectory) -> bool:
    """Stop a witness that runs in the background; False if none does. The lock tells a process from an old number."""
    deadline = time.monotonic() + STOP_WAIT_S
    was_running = False
    while not _unlocked(witness.pid_file):
        if time.monotonic() > deadline:
            raise Unavailable("the witness does not stop", code="witness.stopping")
        if not was_running:
            os.kill(int(witness.pid_file.read_text()), signal.SIGTERM)
            was_running = True
        time.sleep(0.05)
    return was_running


def _unlocked(file: Path) -> bool:
    try:
        with file.open("r") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


_DIRECTORY = click.Argument(["directory"], type=click.Path(path_type=Path, file_okay=False))
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def _passphrase_option() -> click.Option:
    return click.Option(["--passphrase-file"], metavar="FILE", help="First line protects its keys; - reads stdin.")


witness = click.Group(
    "witness",
    help="A witness: remembers the newest checkpoint of a log and refuses to cosign any other history.\n\n"
    "It runs on another machine, in other hands. Nobody can then replace the log as a whole unnoticed.",
    short_help="Remember a log for others",
    commands=[
        click.Command(
            "init",
            callback=_init,
            params=[
                _DIRECTORY,
                click.Option(["--name"], required=True, help="Its name in its signatures, best a host name."),
                _passphrase_option(),
                json_option(),
            ],
            help="Found a witness with fresh keys, and print what a log must be configured with.",
        ),
        click.Command(
            "show", callback=_show_it, params=[_DIRECTORY, _passphrase_option(), json_option()], help="Show its keys."
        ),
        click.Command(
            "trust",
            callback=_trust,
            params=[_DIRECTORY, click.Argument(["keys"], nargs=-1, required=True), json_option()],
            help="Cosign the log with these verifier keys (`nexus audit log read` prints them) from the next start on.",
        ),
        click.Command(
            "run",
            callback=_run,
            params=[
                _DIRECTORY,
                click.Option(["--listen"], required=True, metavar="ADDRESS:PORT", help="Where it answers."),
                click.Option(["--certificate"], type=_FILE, metavar="FILE", help="Its TLS certificate chain (PEM)."),
                click.Option(["--key"], type=_FILE, metavar="FILE", help="The certificate's key (PEM)."),
                _passphrase_option(),
                click.Option(["--detach"], is_flag=True, help="Run in the background."),
                json_option(),
            ],
            help="Serve the tlog-witness protocol, over TLS 1.3 with a certificate, else over plain HTTP.\n\n"
            "What it says is signed and public: a tunnel protects availability, not truth.",
        ),
        click.Command("stop", callback=_stop, params=[_DIRECTORY, json_option()], help="Stop it in the background."),
    ],
)

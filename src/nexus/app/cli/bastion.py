"""The way into the machine from a terminal: connect with a key that lives for one session, watch, take a recording home."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

import click
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nexus.app.cli.options import CONNECTION, Caller, connection_options, json_option, terminal
from nexus.app.cli.rest_client import RestClient
from nexus.app.operations import operation
from nexus.bastion.issuing import public_line
from nexus.kernel.errors import Conflict, NotFound

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - memory, not a disk; the folder in it is ours alone
ALIAS: Final = "nexus-bastion"
LOOK_EVERY_S: Final = 1.0
_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def _connect(command: tuple[str, ...], **common: Any) -> int:
    program = shutil.which("ssh")
    if program is None:
        raise NotFound("there is no ssh on this machine", code="cli.no-ssh", hint="install OpenSSH's client")
    key = Ed25519PrivateKey.generate()
    caller = Caller(*(common[name] for name in CONNECTION))
    with caller.client() as client:
        public = public_line(key.public_key().public_bytes_raw())
        issued = client.call(operation("bastion.certificate.issue"), {"public_key": public}).document
    with TemporaryDirectory(prefix="nexus-", dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder = Path(name)
        _write(folder / "key", key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
        _write(folder / "key-cert.pub", f"{issued['certificate']}\n".encode())
        _write(folder / "known_hosts", f"{ALIAS} {issued['bastion']['host_key']}\n".encode())
        host = urlsplit(caller.place.url).hostname or issued["bastion"]["host"]
        where = ["-p", str(issued["bastion"]["port"]), f"{issued['login']}@{host}"]
        return subprocess.call([program, *_options(folder), *where, *command])


def _options(folder: Path) -> list[str]:
    """This key, this door, and nothing of what the user's own configuration would add."""
    options = {
        "IdentityFile": folder / "key",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": folder / "known_hosts",
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "HostKeyAlias": ALIAS,
        "ForwardAgent": "no",
        "ControlMaster": "no",
        "PasswordAuthentication": "no",
    }
    return ["-F", "none", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


connect = click.Command(
    "connect",
    callback=_connect,
    params=[click.Argument(["command"], nargs=-1, type=click.UNPROCESSED), *connection_options(), json_option()],
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    help="Open a session on the machine: a fresh key, a certificate of five minutes, OpenSSH's ssh.\n\n"
    "You need an elevation to platform operator. The session is recorded. The key is kept in memory and is gone afterwards.",
    short_help="Open a recorded session on the machine",
)


def _watch(session: str, *, raw: bool, **common: Any) -> None:
    screen = terminal(common["as_json"])
    with Caller(*(common[name] for name in CONNECTION)).client() as client:
        for text in _live(client, session):
            click.echo(text if raw else shown(text), nl=False)
    screen.note("\n" + ("la session est terminée" if screen.french else "the session is over"))


def _live(client: RestClient, session: str) -> Iterator[str]:
    """What the terminal shows, as it comes, until the session is over."""
    after = 0
    while True:
        page = client.call(operation("bastion.session.watch"), {"id": session, "after": after}).document
        after = page["next"]
        yield from _outputs(page["cast"])
        if not page["open"] and not page["more"]:
            return
        if not page["more"]:
            time.sleep(LOOK_EVERY_S)


def _outputs(cast: str) -> Iterator[str]:
    for line in cast.splitlines():
        event = msgspec.json.decode(line)
        if isinstance(event, list) and event[1] == "o":
            yield event[2]


def shown(text: str) -> str:
    """Without whatever would steer the watcher's own terminal."""
    return _CONTROLS.sub("", _ESCAPES.sub("", text)).replace("\r\n", "\n")


watch = click.Command(
    "watch",
    callback=_watch,
    params=[
        click.Argument(["session"]),
        click.Option(["--raw"], is_flag=True, help="With everything that steers a terminal, as the operator sees it."),
        *connection_options(),
        json_option(),
    ],
    help="See what happens in an open session, at most a second late. Its operator is told that you look.",
    short_help="See what happens in an open session",
)


def _replay(session: str, file: Path, **common: Any) -> None:
    screen = terminal(common["as_json"])
    with Caller(*(common[name] for name in CONNECTION)).client() as client:
        pages = _recording(client, session)
        first = next(pages)
        try:
            with file.open("x", encoding="utf-8", newline="") as out:
                for part in (first, *pages):
                    out.write(part)
        except FileExistsError as error:
            raise Conflict(f"{file} is already there", code="cli.file-exists", hint="name another file") from error
    if screen.json:
        screen.document({"session": session, "file": str(file)})
    else:
        screen.good(f"{screen.say('saved')} {file}")


def _recording(client: RestClient, session: str) -> Iterator[str]:
    after, more = 0, True
    while more:
        page = client.call(operation("bastion.session.replay"), {"id": session, "after": after}).document
        after, more = page["next"], page["more"]
        yield page["cast"]


replay = click.Command(
    "replay",
    callback=_replay,
    params=[
        click.Argument(["session"]),
        click.Argument(["file"], type=click.Path(path_type=Path, dir_okay=False)),
        *connection_options(),
        json_option(),
    ],
    help="Write the recording of a session that is over to a file (asciicast v3), which `asciinema play` plays.",
    short_help="Write the recording of a session to a file",
)

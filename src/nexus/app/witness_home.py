"""A witness on a machine of its own: a directory with its keys, the logs that it knows, and its memory.

It shares nothing with a platform but this program. `witness.toml` is written at its founding and when it is told of a log;
`keys.pem` holds its two signing keys, encrypted if there is a passphrase; `witness.db` is what it remembers.
"""

import asyncio
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nexus.app import serving
from nexus.app.datadir import write_durably
from nexus.app.pki import Leaf
from nexus.audit.witness.http import witness_app
from nexus.audit.witness.keys import WitnessKeys
from nexus.audit.witness.service import WitnessService
from nexus.audit.witness.store import WitnessStore
from nexus.crypto.notes import VerifierKey
from nexus.kernel.errors import Conflict, Damaged, Invalid, NotFound
from nexus.kernel.secret import Secret

FORMAT: Final = 1
GRACE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class WitnessDirectory:
    """Where a witness lives, and what it knows."""

    root: Path
    name: str
    logs: tuple[tuple[VerifierKey, ...], ...]
    """For each log all its keys; their common name is the log's origin."""

    @property
    def keys_file(self) -> Path:
        return self.root / "keys.pem"

    @property
    def journal(self) -> Path:
        return self.root / "witness.log"

    @property
    def pid_file(self) -> Path:
        return self.root / "witness.pid"


def create(root: Path, name: str, passphrase: Secret | None) -> WitnessDirectory:
    """Found a witness with fresh keys. Raises Conflict if there is one already, Invalid on an impossible name."""
    if root.exists() and any(root.iterdir()):
        raise Conflict(f"{root} is not empty", code="witness.not-empty", hint="name a new directory")
    keys = WitnessKeys.generate(name)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = WitnessDirectory(root.resolve(), name, ())
    keys.save(made.keys_file, passphrase)
    _write(made)
    return made


def open_witness(root: Path) -> WitnessDirectory:
    """The witness in `root`. Raises NotFound, Damaged, or Conflict on a newer format."""
    try:
        content = tomllib.loads((root / "witness.toml").read_text("utf-8"))
        if content["format"] > FORMAT:
            raise Conflict("a newer Nexus wrote this witness", code="witness.newer-format")
        logs = tuple(tuple(VerifierKey.parse(key) for key in log["keys"]) for log in content.get("log", ()))
        return WitnessDirectory(root.resolve(), str(content["name"]), logs)
    except FileNotFoundError as error:
        raise NotFound(
            f"{root} is no witness", code="witness.missing", hint="`nexus witness init` founds one"
        ) from error
    except (tomllib.TOMLDecodeError, KeyError, TypeError, UnicodeDecodeError, Invalid) as error:
        raise Damaged(f"witness.toml in {root} cannot be read", code="witness.description") from error


def trust(directory: WitnessDirectory, keys: Sequence[str]) -> WitnessDirectory:
    """Cosign a log from the next start on: `keys` are all its verifier keys. A log that is known is replaced."""
    parsed = tuple(VerifierKey.parse(key) for key in keys)
    if len({key.name for key in parsed}) != 1:
        raise Invalid("the keys of one log carry one name, its origin", code="witness.log-keys")
    others = tuple(log for log in directory.logs if log[0].name != parsed[0].name)
    knowing = WitnessDirectory(directory.root, directory.name, (*others, parsed))
    _write(knowing)
    return knowing


async def run(
    directory: WitnessDirectory,
    passphrase: Secret | None,
    *,
    host: str,
    port: int,
    leaf: Leaf | None,
    stop: asyncio.Event,
) -> None:
    """Serve until `stop`."""
    keys = WitnessKeys.load(directory.keys_file, directory.name, passphrase)
    store = WitnessStore(directory.root / "witness.db")
    try:
        service = WitnessService(keys, {log[0].name: log for log in directory.logs}, store)
        await serving.serve(
            witness_app(service), host=host, port=port, leaf=leaf, stop=stop, grace_s=GRACE_S, ready=lambda: None
        )
    finally:
        store.close()


def _write(directory: WitnessDirectory) -> None:
    lines = [f"format = {FORMAT}", f"name = {json.dumps(directory.name)}"]
    for log in directory.logs:
        lines += ["", "[[log]]", f"keys = {json.dumps([str(key) for key in log])}"]
    write_durably(directory.root / "witness.toml", "\n".join([*lines, ""]).encode())

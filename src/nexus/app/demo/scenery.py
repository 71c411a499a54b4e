"""The demonstration's platform and its two witnesses: where they lie, and the commands on them."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from nexus.app import softhsm
from nexus.app.cli.connection import Place
from nexus.app.demo.people import new_password
from nexus.app.demo.stage import Stage
from nexus.app.handoff import Answer, as_error
from nexus.app.settings import child_environment
from nexus.kernel.errors import NexusError

COMMAND_WAIT_S: Final = 120
FOUNDERS: Final = """
[[founder]]
login = "alice"
name = "Alice Martin"
email = "alice@hub.example"
roles = ["security_officer", "key_custodian"]

[[founder]]
login = "bruno"
name = "Bruno Petit"
email = "bruno@hub.example"
roles = ["security_officer", "key_custodian", "auditor", "platform_operator"]

[[founder]]
login = "irene"
name = "Irène Fabre"
email = "irene@hub.example"
roles = ["data_protection_officer"]
"""
WITNESSES: Final = ("witness-1.example", "witness-2.example")


class Scenery:
    """Everything below one directory, which the next demonstration removes."""

    def __init__(self, root: Path, stage: Stage) -> None:
        self.root = root
        self.data = root / "data"
        self.anchors = root / "data-anchors"
        """Where the platform keeps what must be outside every backup of its data."""
        self.work = root / "work"
        """Copies, receipts, exports: what people took home."""
        self.people_file = root / "people.json"
        """The demonstration's people and their authenticators, so that you can be one of them."""
        self.passphrase = root / "passphrase"
        self._stage = stage

    # Building up and taking down

    def clear(self) -> None:
        """Remove what an earlier demonstration left, running or not."""
        if not self.root.exists():
            return
        self.stop()
        shutil.rmtree(self.root)

    def stop(self) -> bool:
        """Stop the platform and its witnesses; False if nothing ran."""
        stopped = False
        if (self.data / "nexus.toml").exists():
            stopped = bool(self.quietly("down", "--data", str(self.data))["stopped"])
        for witness in WITNESSES:
            if (self.root / witness / "witness.toml").exists():
                stopped |= bool(self.quietly("witness", "stop", str(self.root / witness))["stopped"])
        return stopped

    def found(self, settings: Mapping[str, object]) -> dict[str, str]:
        """Found the platform; login -> one-time enrolment code."""
        self.work.mkdir(mode=0o700, parents=True)
        self.root.chmod(0o700)
        self.passphrase.write_text(new_password() + "\n")
        founders = self.work / "founders.toml"
        founders.write_text(FOUNDERS)
        kept = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
        provider = ("--provider", "pkcs11") if softhsm.available() else ()
        made = self.nexus(
            "init",
            "--demonstration",
            *provider,
            *("--founders", str(founders), "--passphrase-file", str(self.passphrase)),
            *kept,
            shown=("init", "--demonstration", *provider, "--founders", "founders.toml"),
        )
        return {row["login"]: row["code"] for row in made["founders"]}

    def up(self) -> None:
        self.nexus("up", "--detach", "--passphrase-file", str(self.passphrase), shown=("up", "--detach"))

    def witness(self, log_keys: list[str]) -> list[dict[str, Any]]:
        """Found both witnesses, tell them of the log and start them; how the log is to be configured with them."""
        specs = []
        for name in WITNESSES:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                address = f"127.0.0.1:{free.getsockname()[1]}"
            folder = str(self.root / name)
            protected = ("--passphrase-file", str(self.passphrase))
            made = self.quietly("witness", "init", folder, "--name", name, *protected)
            self.quietly("witness", "trust", folder, *log_keys)
            self.quietly("witness", "run", folder, "--listen", address, "--detach", *protected)
            specs.append({"name": name, "url": f"http://{address}", "keys": made["keys"]})
        return specs

    # Commands

    def nexus(self, *words: str, shown: tuple[str, ...] | None = None, **environment: str) -> Any:
        """Show and run a command on the demonstration's data directory; what it answers. Raises its error."""
        self._stage.command(("nexus", *(shown or words)))
        return self.quietly(*words, "--data", str(self.data), **environment)

    def quietly(self, *words: str, **environment: str) -> Any:
        """Run a command without showing it."""
        done = self.run(*words, **environment)
        if done.returncode:
            raise error_of(done)
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, whatever that is."""
        return subprocess.run(
            [sys.executable, "-m", "nexus", *words, "--json"],
            capture_output=True,
            text=True,
            timeout=COMMAND_WAIT_S,
            check=False,
            env=child_environment(environment),
        )

    # Doors

    def place(self) -> Place:
        """The REST door now."""
        return Place(self.endpoint("api"), self.data / "tls" / "ca.pem")

    def s3(self, key: Mapping[str, str]) -> Any:
        """boto3, as anybody uses it, with an access key."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint("s3"),
            aws_access_key_id=key["id"],
            aws_secret_access_key=key["secret"],
            region_name="eu-west-3",
            verify=str(self.data / "tls" / "ca.pem"),
            config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
        )

    def endpoint(self, door: str) -> str:
        """Where a door listens now."""
        endpoints: dict[str, str] = json.loads((self.data / "run" / "endpoints.json").read_text())
        return endpoints[door]


def error_of(done: "subprocess.CompletedProcess[str]") -> NexusError:
    """The error that a command ended with, from its line of JSON."""
    try:
        said = json.loads(done.stderr.strip().splitlines()[-1])
        return as_error(
            Answer(ready=False, kind=said["kind"], code=said["code"], message=said["detail"], hint=said["hint"])
        )
    except (ValueError, KeyError, IndexError):
        return NexusError(f"a command ended with {done.returncode}", code="demo.command", hint=done.stderr[-400:])

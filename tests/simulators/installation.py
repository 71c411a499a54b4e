"""A real platform on this machine, seen from outside: the `nexus` command, persons over REST, boto3 over S3.

Nothing here simulates the platform; what is simulated are the people and their authenticators.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import psutil

from nexus.app.cli.connection import Place
from nexus.app.demo.people import Person as RealPerson
from nexus.app.demo.people import four_eyes, in_days
from simulators.databases import whereabouts

PASSPHRASE = "a passphrase that only tests know"
PASSWORD = "correct horse battery 7"
COMMAND_WAIT_S = 90
FOUNDERS = """
[[founder]]
login = "alice"
name = "Alice Martin"
email = "alice@hospital.example"
roles = ["security_officer", "key_custodian", "auditor", "data_protection_officer"]

[[founder]]
login = "bruno"
name = "Bruno Petit"
email = "bruno@hospital.example"
roles = ["security_officer", "key_custodian", "platform_operator", "auditor"]
"""
QUICK = {"stop_grace_s": 2, "checkpoint_interval_ms": 200}


class Person(RealPerson):
    """A person of the tests; remembers everything that must never be found on the disk."""

    def __init__(self, login: str, installation: "Installation") -> None:
        super().__init__(login, lambda: installation.place, PASSWORD)
        self.kept: list[str] = []

    def fresh_code(self) -> str:
        """A code of the authenticator that was not used yet; it waits for one where there is none."""
        return self.next_code()

    @property
    def secrets(self) -> list[str]:
        return [*super().secrets, *self.kept]

    def enrol(self, code: str) -> "Person":
        self.kept.append(code)
        super().enrol(code)
        return self

    def access_key(self, purpose: str = "care", days: int = 30) -> dict[str, str]:
        made = super().access_key(purpose, days)
        self.kept.append(made["secret"])
        return made

    def elsewhere(self, installation: "Installation") -> "Person":
        """The same person, with the same session, at another platform."""
        other = Person(self.login, installation)
        other.id, other.token, other.otpauth = self.id, self.token, self.otpauth
        other.passkey, other._used_step = self.passkey, self._used_step
        return other


class Installation:
    """A data directory and the commands on it. Console and bastion are closed unless a setting opens them."""

    def __init__(self, root: Path, *, on_file: bool = False, **settings: object) -> None:
        """`on_file`: its database is a file whatever the tests run on."""
        self.root = root
        self.data = root / "data"
        self.passphrase = root / "passphrase"
        self.settings = {
            "s3_port": 0,
            "api_port": 0,
            "console_port": -1,
            "portal_port": -1,
            "bastion_port": -1,
            **QUICK,
            **({} if on_file else whereabouts(root)),
            **settings,
        }
        self.persons: dict[str, Person] = {}
        self.shares: list[str] = []
        self.codes: dict[str, str] = {}
        self.environment: dict[str, str] = {}

    # Commands

    def nexus(self, *arguments: str, check: bool = True, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run the `nexus` command on this data directory."""
        return self.command(*arguments, "--data", str(self.data), check=check, typed=typed)

    def command(self, *arguments: str, check: bool = True, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run the `nexus` command."""
        done = subprocess.run(
            [sys.executable, "-m", "nexus", *arguments],
            input=typed,
            capture_output=True,
            text=True,
            timeout=COMMAND_WAIT_S,
            check=False,
            env={**os.environ, "XDG_STATE_HOME": str(self.root / "state"), **self.environment},
        )
        if check and done.returncode:
            raise AssertionError(f"nexus {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def json(self, *arguments: str) -> Any:
        return json.loads(self.nexus(*arguments, "--json").stdout)

    def found(self, *options: str) -> "Installation":
        """`nexus init`, by default with a passphrase."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.passphrase.write_text(PASSPHRASE)
        founders = self.root / "founders.toml"
        founders.write_text(FOUNDERS)
        unsealing = () if "--shares" in options else ("--passphrase-file", str(self.passphrase))
        kept = [word for name, value in self.settings.items() for word in ("--set", f"{name}={value}")]
        made = self.json("init", "--founders", str(founders), *unsealing, *kept, *options)
        self.shares = made["shares"]
        self.codes = {row["login"]: row["code"] for row in made["founders"]}
        return self

    def up(self, *, unsealed: bool = True) -> "Installation":
        """`nexus up --detach`."""
        more = ("--passphrase-file", str(self.passphrase)) if unsealed else ()
        self.nexus("up", "--detach", *more)
        return self

    def down(self) -> None:
        self.nexus("down")

    def status(self) -> dict[str, Any]:
        return self.json("status")

    # Processes

    def pid(self, name: str) -> int:
        return next(process["pid"] for process in self.status()["processes"] if process["name"] == name)

    def supervisor(self) -> int:
        return int((self.data / "lock").read_text())

    def kill(self, name: str) -> int:
        """SIGKILL; returns the process id that is gone."""
        pid = self.supervisor() if name == "supervisor" else self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_everything(self) -> None:
        """What a power cut does to processes: all are frozen before the first dies, so that none tidies up after it."""
        tree = psutil.Process(self.supervisor())
        tree.suspend()  # first: from here on it starts nothing again
        processes = (tree, *tree.children(recursive=True))
        for act in (psutil.Process.suspend, psutil.Process.kill):
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    act(process)

    def destroy(self) -> None:
        """Whatever still runs ends with the test."""
        with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ValueError):
            if psutil.Process(self.supervisor()).is_running() and str(self.data) in " ".join(
                psutil.Process(self.supervisor()).cmdline()
            ):
                self.kill_everything()

    # People and doors

    @property
    def place(self) -> Place:
        endpoints = json.loads((self.data / "run" / "endpoints.json").read_text())
        return Place(endpoints["api"], self.data / "tls" / "ca.pem")

    def founder(self, login: str) -> Person:
        """A founder, enrolled at the first call."""
        if login not in self.persons:
            self.persons[login] = Person(login, self).enrol(self.codes[login])
        return self.persons[login]

    def person(self, login: str, role: str, scope: str) -> Person:
        """Somebody whom Alice invites and Bruno gives a role."""
        if login not in self.persons:
            alice, bruno = self.founder("alice"), self.founder("bruno")
            invited = alice.call("iam.person.create", login=login, name=login.title(), email=f"{login}@hub.example")
            bruno.call("iam.role.grant", identity=invited["person"], role=role, scope=scope, ends_at=in_days(90))
            self.persons[login] = Person(login, self).enrol(invited["code"])
        return self.persons[login]

    def let_witness(self, *witnesses: Any) -> None:
        """Have every checkpoint cosigned by all of these."""
        alice, bruno = self.founder("alice"), self.founder("bruno")
        log_keys = alice.call("audit.log.read", for_purpose="audit")["keys"]
        for witness in witnesses:
            witness.watch(log_keys)
        policy = {"witnesses": [witness.spec() for witness in witnesses], "quorum": len(witnesses)}
        four_eyes(alice, bruno, "audit.log.configure", **policy)
        self.until_witnessed()

    def until_witnessed(self) -> dict[str, Any]:
        """Wait until a witnessed checkpoint covers everything that has happened by now."""
        alice = self.founder("alice")
        size = alice.call("audit.log.read", for_purpose="audit")["size"]

        def covered() -> dict[str, Any] | None:
            log = alice.call("audit.log.read", for_purpose="audit")
            return log if log["witnessed"] and log["checkpoint_size"] >= size else None

        return until(covered, what="a witnessed checkpoint")

    def s3(self, key: dict[str, str], **config: Any) -> Any:
        """boto3, unchanged, with an access key."""
        endpoints = json.loads((self.data / "run" / "endpoints.json").read_text())
        return boto3.client(
            "s3",
            endpoint_url=endpoints["s3"],
            aws_access_key_id=key["id"],
            aws_secret_access_key=key["secret"],
            region_name="eu-west-3",
            verify=str(self.data / "tls" / "ca.pem"),
            config=botocore.config.Config(
                retries={"max_attempts": config.pop("attempts", 1)},
                s3={"addressing_style": "path"},
                connect_timeout=5,
                read_timeout=config.pop("read_timeout", 30),
            ),
        )

    def everything_on_disk(self) -> dict[Path, bytes]:
        """Every file of the data directory and beside it, sockets left out."""
        places = (self.data, self.data.with_name("data-anchors"))
        files = [path for place in places for path in place.rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in files}


def until(condition: Any, *, seconds: float = 20.0, what: str = "it") -> Any:
    """Wait until `condition()` is true; returns what it returned. An exception counts as not yet."""
    deadline = time.monotonic() + seconds
    last: object = None
    while time.monotonic() < deadline:
        try:
            if value := condition():
                return value
        except Exception as error:  # a platform on its way up refuses in many ways
            last = error
        time.sleep(0.05)
    raise AssertionError(f"{what} did not happen in {seconds} s: {last!r}")

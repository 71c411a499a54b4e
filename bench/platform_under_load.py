"""A whole platform for a benchmark: founded in a folder of its own, up, with a bucket and an access key; gone at the end.

Everything goes through the doors that people use: the commands `init` and `up`, then REST.
"""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import httpx
import pyotp
from signing import Signer

BUCKET = "bench"
SITE = "bench"
PASSWORD = "five words that nobody guesses"
START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 120
STEP_S = 30
FOUNDERS = "".join(
    f'[[founder]]\nlogin = "{login}"\nname = "{login}"\nemail = "{login}@bench.example"\n'
    'roles = ["security_officer", "key_custodian"]\n'
    for login in ("first", "second")
)


@dataclass(frozen=True)
class Running:
    """Where the platform listens, and who may write to `bucket`."""

    pid: int
    host: str
    s3_port: int
    authority: Path
    bucket: str
    signer: Signer


@contextmanager
def running(**settings: object) -> Iterator[Running]:
    """A platform that is up and unsealed, on the disk of this checkout, with these settings."""
    folder = Path(tempfile.mkdtemp(prefix=".bench-", dir=Path(__file__).parent))
    try:
        invitations = _found(
            folder, {"s3_port": 0, "api_port": 0, "console_port": 0, "portal_port": -1, "bastion_port": -1, **settings}
        )
        process = subprocess.Popen([*_command("up", folder), "--passphrase-file", str(folder / "passphrase")])
        try:
            yield _furnish(folder, process, invitations)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_TIMEOUT_S)
    finally:
        shutil.rmtree(folder)


class Door:
    """The REST door, as a person who signs in."""

    def __init__(self, url: str, authority: Path) -> None:
        self._http = httpx.Client(base_url=url, verify=str(authority), timeout=30)

    def post(self, path: str, **fields: Any) -> dict[str, Any]:
        answer = self._http.post(path, json=fields)
        if not answer.is_success:
            raise RuntimeError(f"{path}: {answer.text}")
        return answer.json() if answer.content else {}

    def enter(self, login: str, code: str) -> str:
        """Enrol and sign in; returns the person's id. The codes of two time steps save a wait of half a minute."""
        started = self.post("/v1/enrolments", login=login, code=code, password=PASSWORD)
        factor = pyotp.TOTP(parse_qs(urlparse(started["otpauth_uri"]).query)["secret"][0])
        now = time.time()
        self.post("/v1/enrolments/confirm", login=login, code=code, totp=factor.at(now - STEP_S))
        signed_in = self.post("/v1/sessions", login=login, password=PASSWORD, totp=factor.at(now))
        self._http.headers["Authorization"] = f"Bearer {signed_in['token']}"
        return signed_in["person"]


def _command(name: str, folder: Path) -> list[str]:
    return [str(Path(sys.executable).with_name("nexus")), name, "--data", str(folder / "data")]


def _found(folder: Path, settings: dict[str, object]) -> dict[str, str]:
    """Login -> one-time enrolment code."""
    (folder / "passphrase").write_text(PASSWORD)
    (folder / "founders.toml").write_text(FOUNDERS)
    command = [*_command("init", folder), "--json", "--passphrase-file", str(folder / "passphrase")]
    command += ["--founders", str(folder / "founders.toml")]
    command += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    founded = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {row["login"]: row["code"] for row in founded["founders"]}


def _furnish(folder: Path, process: "subprocess.Popen[bytes]", invitations: dict[str, str]) -> Running:
    """A steward with a bucket and an access key: made by one founder, given rights by the other."""
    data = folder / "data"
    endpoints = _endpoints(data, process)
    authority = data / "tls" / "ca.pem"
    first, second, steward = (Door(endpoints["api"], authority) for _ in range(3))
    first.enter("first", invitations["first"])
    second.enter("second", invitations["second"])
    invited = first.post("/v1/persons", login="steward", name="steward", email="steward@bench.example")
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 86_400))
    second.post("/v1/grants", identity=invited["person"], role="data_steward", scope="platform", ends_at=ends)
    person = steward.enter("steward", invited["code"])
    steward.post("/v1/buckets", name=BUCKET, site=SITE)
    key = steward.post("/v1/access-keys", identity=person, purpose="quality", expires_at=ends)
    s3 = urlparse(endpoints["s3"])
    signer = Signer(key["id"], key["secret"], s3.netloc, endpoints.get("region", "eu-west-3"))
    return Running(process.pid, str(s3.hostname), int(s3.port or 0), authority, BUCKET, signer)


def _endpoints(data: Path, process: "subprocess.Popen[bytes]") -> dict[str, str]:
    """Where the doors listen, once they do."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"`nexus up` ended with {process.returncode}")
        try:
            return json.loads((data / "run" / "endpoints.json").read_text())
        except (FileNotFoundError, ValueError):
            time.sleep(0.1)
    raise TimeoutError("the platform did not come up")

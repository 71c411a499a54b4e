"""A Ceph cluster of our own for a test run: one monitor, one OSD on a file, one gateway over TLS on this machine's loop.

Private, without systemd, gone afterwards. What Ceph promises of many machines is not tried here: what is, is Ceph's gateway.
"""

import os
import pwd
import secrets
import shutil
import ssl
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from nexus.app import pki
from nexus.kernel.clock import SystemClock
from nexus.kernel.secret import Secret
from nexus.objects.blobs.remote import RemoteBlobs
from nexus.objects.blobs.remote_client import Endpoint
from simulators.postgresql import free_port, room

ACCOUNT = "ceph"
"""Debian's account for Ceph."""
PROGRAMS = {"ceph-mon": "ceph-mon", "ceph-osd": "ceph-osd", "radosgw": "radosgw"}
"""Each program, and the Debian package that brings it. The `ceph` and `rados` commands come with them."""
BUCKET = "nexus-blobs"
DATA_POOL = "default.rgw.buckets.data"
_START_S = 120
_COMMAND_S = 60
_STOP_S = 20
_CAPABILITIES: Mapping[str, Mapping[str, str]] = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "osd": "allow *"},
    "osd.0": {"mon": "allow profile osd", "osd": "allow *"},
    "client.rgw": {"mon": "allow rw", "osd": "allow rwx"},
}
_CONFIGURATION = """
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon_port}/0]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
keyring = {folder}/keyring
run dir = {folder}
crash dir = {folder}/crash
log file = {folder}/$name.log
admin socket = {folder}/$name.asok
[mon]
mon data = {folder}/mon
mon cluster log file = {folder}/cluster.log
paxos propose interval = 0.05
paxos min wait = 0.01
[osd]
osd data = {folder}/osd
osd objectstore = bluestore
osd memory target = 939524096
bluestore block size = 4294967296
[client.rgw]
rgw data = {folder}/rgw
rgw frontends = beast ssl_endpoint=127.0.0.1:{rgw_port} ssl_certificate={folder}/gateway.pem
"""


class CephCluster:
    """One cluster. `start` it; `kill_gateway` and `start_gateway` at will; `destroy` leaves nothing of it."""

    def __init__(self) -> None:
        """Skips the test where Ceph is not installed."""
        if missing := [package for program, package in PROGRAMS.items() if shutil.which(program) is None]:
            pytest.skip(f"Ceph is not installed (Debian packages {', '.join(missing)})")
        self.folder = Path(tempfile.mkdtemp(prefix="nx-ceph-", dir=room()))
        self.port = free_port()
        self._mon_port = free_port()
        self._fsid = str(uuid.uuid4())
        self._run_as = _account()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._access_key, self._secret_key = f"NX{secrets.token_hex(9).upper()}", secrets.token_urlsafe(30)

    def start(self) -> "CephCluster":
        """Found it, start it, and wait until its gateway answers. It ends with this process, whatever ends that."""
        self._prepare()
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", "monmap", "--keyring", "keyring")
        self._begin("ceph-mon", "-i", "a")
        disk = str(uuid.uuid4())
        self._run("ceph", "--connect-timeout", str(_COMMAND_S), "osd", "new", disk)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
        self._begin("ceph-osd", "-i", "0")
        self.start_gateway()
        who = ("--uid=nexus", "--display-name=nexus")
        key = (f"--access-key={self._access_key}", f"--secret-key={self._secret_key}")
        self._run("radosgw-admin", "-n", "client.rgw", "user", "create", *who, *key)
        maker = self.engine()
        maker.client.request("PUT")
        maker.close()
        return self

    @property
    def endpoint(self) -> Endpoint:
        """Its gateway, as settings name it."""
        return Endpoint(
            url=f"https://127.0.0.1:{self.port}",
            bucket=BUCKET,
            region="us-east-1",
            access_key=self._access_key,
            secret_key=Secret(self._secret_key.encode()),
            authorities=self.folder / "ca.pem",
        )

    def engine(self, prefix: str = "") -> RemoteBlobs:
        """An engine for blobs over it."""
        return RemoteBlobs(self.endpoint, prefix=prefix)

    def settings(self, folder: Path, prefix: str = "") -> dict[str, object]:
        """What a platform that keeps its blobs here is told; the secret lies in `folder`."""
        secret = folder / "engine.secret"
        secret.write_text(self._secret_key)
        secret.chmod(0o600)
        return {
            "blob_engine_url": self.endpoint.url,
            "blob_engine_bucket": BUCKET,
            "blob_engine_prefix": prefix,
            "blob_engine_access_key": self._access_key,
            "blob_engine_secret_file": str(secret),
            "blob_engine_authorities": str(self.folder / "ca.pem"),
        }

    def start_gateway(self) -> None:
        """Start it, and wait until it answers."""
        self._begin("radosgw", "-n", "client.rgw")
        trusted = ssl.create_default_context(cafile=str(self.folder / "ca.pem"))
        deadline = time.monotonic() + _START_S
        while True:
            with suppress(httpx.TransportError):
                httpx.get(f"https://127.0.0.1:{self.port}/", verify=trusted, trust_env=False)
                return
            if time.monotonic() > deadline or self._processes["radosgw"].poll() is not None:
                raise AssertionError(self._said("radosgw"))
            time.sleep(0.1)

    def kill_gateway(self) -> None:
        """SIGKILL."""
        self._processes["radosgw"].kill()
        self._processes["radosgw"].wait()

    def kill_everything(self) -> None:
        """SIGKILL for each of its processes: what it acknowledged must be on its disk."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def start_again(self) -> None:
        """Start what was killed, over the same disk."""
        self._begin("ceph-mon", "-i", "a")
        self._begin("ceph-osd", "-i", "0")
        self.start_gateway()

    def names(self, part: str) -> set[str]:
        """What lies below the gateway, in RADOS: every object of the data pool whose name holds `part`."""
        return {name for name in self._run("rados", "-p", DATA_POOL, "ls").decode().splitlines() if part in name}

    def bytes_of(self, name: str) -> bytes:
        """All bytes of one of them."""
        return self._run("rados", "-p", DATA_POOL, "get", name, "-")

    def overwrite(self, name: str, data: bytes) -> None:
        """Put other bytes into an object of RADOS, behind the gateway's back."""
        self._run("rados", "-p", DATA_POOL, "put", name, "-", given=data)

    def destroy(self) -> None:
        """Stop it and remove its files."""
        for process in self._processes.values():
            process.kill()  # its files go with it: nothing is worth a farewell
        for process in self._processes.values():
            process.wait(_STOP_S)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _prepare(self) -> None:
        """Configuration, keys, the map of monitors, and a certificate."""
        places = {"folder": self.folder, "fsid": self._fsid, "mon_port": self._mon_port, "rgw_port": self.port}
        (self.folder / "ceph.conf").write_text(_CONFIGURATION.format(**places))
        now = SystemClock().now()
        authority = pki.found_authority("nx_test", now)
        leaf = pki.issue(authority, (), 24, now)
        (self.folder / "ca.pem").write_bytes(authority.certificate)
        (self.folder / "gateway.pem").write_bytes(leaf.key.reveal() + leaf.chain)
        (self.folder / "gateway.pem").chmod(0o600)
        for each in ("mon", "osd", "rgw", "crash"):
            (self.folder / each).mkdir()
        if self._run_as is not None:
            for path in (self.folder, *self.folder.iterdir()):
                os.chown(path, self._run_as.pw_uid, self._run_as.pw_gid)
        self.folder.chmod(0o711)
        (self.folder / "ca.pem").chmod(0o644)
        self._run("ceph-authtool", "--create-keyring", "keyring")
        for name, capabilities in _CAPABILITIES.items():
            caps = [word for service, allowed in capabilities.items() for word in ("--cap", service, allowed)]
            self._run("ceph-authtool", "keyring", "--gen-key", "-n", name, *caps)
        where = ("--addv", "a", f"[v2:127.0.0.1:{self._mon_port}]")
        self._run("monmaptool", "--create", "--fsid", self._fsid, *where, "monmap")

    def _begin(self, program: str, *arguments: str) -> None:
        command = ["setpriv", "--pdeathsig", "KILL", program, "-c", "ceph.conf", *arguments, "-f"]
        with (self.folder / f"{program}.out").open("ab") as log:
            self._processes[program] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._identity()
            )

    def _run(self, program: str, *arguments: str, given: bytes = b"") -> bytes:
        done = subprocess.run(
            [program, *arguments], input=given, capture_output=True, timeout=_COMMAND_S, check=False, **self._identity()
        )
        assert done.returncode == 0, f"{program}: {done.stderr.decode(errors='replace')[-2_000:]}"
        return done.stdout

    def _said(self, program: str) -> str:
        return (self.folder / f"{program}.out").read_text(errors="replace")[-2_000:]

    def _identity(self) -> dict[str, Any]:
        surroundings = {
            "PATH": "/usr/sbin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "CEPH_CONF": str(self.folder / "ceph.conf"),
        }
        where: dict[str, Any] = {"env": surroundings, "cwd": self.folder}
        if self._run_as is None:
            return where
        return where | {"user": self._run_as.pw_uid, "group": self._run_as.pw_gid, "extra_groups": []}


def _account() -> pwd.struct_passwd | None:
    """Whom it runs as, where we are root."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam(ACCOUNT)
    return None


@contextmanager
def running() -> Iterator[CephCluster]:
    """A cluster with a user and a bucket for the blobs."""
    cluster = CephCluster()
    try:
        yield cluster.start()
    finally:
        cluster.destroy()

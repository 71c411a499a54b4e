"""A bastion with everything real around it: key service, identities, gate, audit log, shells; and OpenSSH's own client.

Only the clock is ours, and the place of the recorder, which can be broken on demand.
"""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkdtemp

import asyncssh

from nexus.app.standing import SignIns
from nexus.app.wiring.bastion import CertificateAuthority, ReadLog
from nexus.app.wiring.gateway import SHELL
from nexus.audit.log import AuditLog
from nexus.audit.migrations import MIGRATIONS as AUDIT
from nexus.audit.reader import AuditReader
from nexus.bastion.admission import Admission
from nexus.bastion.gateway import Gateway, host_public_key
from nexus.bastion.issuing import Issuing, publish_host_key
from nexus.bastion.live import Keepers
from nexus.bastion.migrations import MIGRATIONS as BASTION
from nexus.bastion.model import End
from nexus.bastion.opening import House, Opening
from nexus.bastion.operations import OPERATIONS
from nexus.bastion.reading import Recordings
from nexus.bastion.reaping import Reaper
from nexus.bastion.requests import IssueCertificate, IssuedCertificate
from nexus.bastion.rights import Rights
from nexus.bastion.service import BastionService
from nexus.iam.conditions import NO_CONDITIONS
from nexus.iam.migrations import MIGRATIONS as IAM
from nexus.iam.model import ElevationApproval, Role
from nexus.iam.requests.elevations import ElevationView, GrantEligibility, OpenElevation
from nexus.kernel.clock import DAY, MINUTE, Instant, SystemClock
from nexus.kernel.database import Database, Transaction
from nexus.kernel.errors import Sealed
from nexus.kernel.ids import new_id
from nexus.kernel.operation import Entry, Operation, OperationSpec, system_actor
from nexus.kernel.secret import Secret
from simulators.audit_log import PRIVATE_KEY
from simulators.clock import ManualClock
from simulators.databases import database as open_database
from simulators.keyservice import running
from simulators.people import Human, Platform

LOCAL = "127.0.0.1"
HOST_KEY = Secret(b"the door's own key, 32 bytes ...."[:32])
SPECS: dict[str, OperationSpec] = {spec.name: spec for spec in OPERATIONS}
CLIENT_WAIT_S = 30
have_ssh = shutil.which("ssh") is not None


class Recorder:
    """The real audit log, which also remembers entries, and refuses on demand."""

    def __init__(self, clock: ManualClock) -> None:
        self._log = AuditLog(PRIVATE_KEY.public, clock=clock)
        self.entries: list[Entry] = []
        self.broken = False

    def record(self, tx: Transaction, entries: Sequence[Entry]) -> None:
        if self.broken:
            raise OSError("the log cannot be written")
        self._log.record(tx, entries)
        self.entries.extend(entries)


class Lease:
    held = True

    def require(self) -> None:
        if not self.held:
            raise Sealed("the platform is sealed")


@dataclass
class Door:
    port: int = 0

    def address(self) -> tuple[str, int]:
        return LOCAL, self.port


@dataclass
class Said:
    """What a client program left behind."""

    status: int
    out: str
    err: str


class Bastion:
    """The bastion of a small hospital: Alice and Bruno are security officers, Olga is an operator."""

    def __init__(self, root: Path, database: Database, clock: ManualClock, recorder: Recorder, kms) -> None:
        self.root, self.database, self.clock, self.recorder = root, database, clock, recorder
        self.people = Platform(database, clock, recorder, NO_CONDITIONS)
        self.lease = Lease()
        self.door = Door()
        self.standing = SignIns(database, clock)
        self.keepers = Keepers(
            database=database,
            lease=self.lease,
            rights=Rights(self.standing, self.people.gate),
            clock=clock,
            reaper=Reaper(adopting=False),
            idle_s=900.0,
        )
        self.recordings = root / "recordings"
        house = House(self.recordings, SHELL, root, {"PATH": "/usr/bin:/bin", "HOME": str(root), "LANG": "C.UTF-8"})
        opening = Opening(house, self.keepers, PRIVATE_KEY.public, self.own)
        self.gateway = Gateway(
            opening, self.keepers, CertificateAuthority(kms["bastion"]), HOST_KEY, admission=Admission(per_minute=1_000)
        )
        self.service = BastionService(
            database,
            Issuing(database, CertificateAuthority(kms["api"]), self.standing, self.door, clock),
            Recordings(self.recordings, lambda: PRIVATE_KEY),
            ReadLog(lambda: AuditReader(database, PRIVATE_KEY, root)),
            clock,
        )
        self.alice: Human
        self.bruno: Human
        self.olga: Human

    def own(self) -> Operation:
        return Operation(new_id("op"), system_actor("bastion"), "operation", self.clock.now(), "local", "bastion")

    def entries(self, action: str) -> list[Entry]:
        return [entry for entry in self.recorder.entries if entry.action == action]

    async def settle(self) -> None:
        """Founders, and Olga with her right. Ends at the machine's own time: certificates are compared with that too."""
        await publish_host_key(self.database, self.own(), host_public_key(HOST_KEY))
        self.alice, self.bruno = await self.people.found("alice", "bruno")
        self.olga = await self.people.person(self.alice, "olga")
        self.elevation = await self.elevate(self.olga)
        self.clock.advance(SystemClock().now() - self.clock.now())

    async def elevate(self, who: Human) -> ElevationView:
        """Four eyes say that she may be an operator when there is need; she says that there is need now."""
        people = self.people
        request = GrantEligibility(
            identity=who.id,
            role=Role.PLATFORM_OPERATOR,
            scope="platform",
            ends_at=Instant(self.clock.now() + 30 * DAY),
            approval=ElevationApproval.ALONE,
        )
        intent = await people.call("iam.eligibility.grant-privileged", people.op(self.bruno), request)
        await people.approve(self.alice, intent)
        eligible = await people.execute(people.op(self.bruno), intent.id)
        needed = OpenElevation(eligibility=eligible.id, reason="the disk of the log is nearly full", minutes=120)
        return await people.call("iam.elevation.open", people.op(who), needed)

    async def call(self, name: str, human: Human, request, *, origin: str = LOCAL):
        """Do an operation as a door does."""
        spec = SPECS[name]
        op = replace(self.people.op(human), origin=origin)
        self.people.gate.check(op, spec.action, spec.resource(self.service, request))
        return await spec.run(self.service, op, request)

    async def certificate(self, human: Human, key: asyncssh.SSHKey, *, origin: str = LOCAL) -> IssuedCertificate:
        line = key.export_public_key().decode()
        return await self.call("bastion.certificate.issue", human, IssueCertificate(public_key=line), origin=origin)

    async def ssh(self, human: Human, *arguments: str, **more) -> Said:
        """A new certificate, and OpenSSH with it."""
        client = OpenSsh(self)
        client.take(await self.certificate(human, client.key))
        return await client.run(*arguments, **more)


class OpenSsh:
    """OpenSSH's client in a folder of its own: one key, one certificate, the door's key pinned."""

    def __init__(self, bastion: Bastion, key: asyncssh.SSHKey | None = None) -> None:
        self.bastion = bastion
        self.folder = Path(mkdtemp(dir=bastion.root))
        self.key = key or asyncssh.generate_private_key("ssh-ed25519")
        self.login = "olga"
        self.known_hosts = ""
        (self.folder / "key").write_bytes(self.key.export_private_key())
        (self.folder / "key").chmod(0o600)

    def take(self, issued: IssuedCertificate) -> "OpenSsh":
        self.login, self.known_hosts = issued.login, issued.bastion.known_hosts
        return self.use(issued.certificate)

    def use(self, certificate: str) -> "OpenSsh":
        (self.folder / "key-cert.pub").write_text(certificate + "\n")
        return self

    def command(self, *arguments: str, program: str = "ssh", before: Sequence[str] = ()) -> list[str]:
        (self.folder / "known_hosts").write_text(self.known_hosts + "\n")
        options = {
            "UserKnownHostsFile": self.folder / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes" if self.known_hosts else "no",
            "IdentityFile": self.folder / "key",
            "IdentitiesOnly": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "LogLevel": "ERROR",
        }
        set_ = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        port = "-p" if program == "ssh" else "-P"
        where = [f"{self.login}@{LOCAL}"] if program == "ssh" else []
        return [program, "-F", "none", port, str(self.bastion.door.port), *set_, *before, *where, *arguments]

    async def start(self, *arguments: str, **more) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self.command(*arguments, **more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder), "TERM": "xterm"},
        )

    async def run(self, *arguments: str, typed: str = "", **more) -> Said:
        process = await self.start(*arguments, **more)
        try:
            async with asyncio.timeout(CLIENT_WAIT_S):
                out, err = await process.communicate(typed.encode())
        except TimeoutError:
            process.kill()
            raise
        return Said(process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


@asynccontextmanager
async def open_bastion() -> AsyncIterator[Bastion]:
    """A bastion that listens, with its people; everything ends with the block."""
    root = Path(mkdtemp(prefix="bas-"))
    clock = ManualClock(SystemClock().now() - 30 * MINUTE)
    recorder = Recorder(clock)
    database = open_database(root / "nexus.db", key=Secret(b"k" * 32), recorder=recorder)
    try:
        database.migrate((*AUDIT, *IAM, *BASTION))
        async with running() as keys:
            kms = {caller: await keys.client(caller) for caller in ("api", "bastion")}
            bastion = Bastion(root, database, clock, recorder, kms)
            await bastion.settle()
            stop = asyncio.Event()
            with closing(socket.create_server((LOCAL, 0))) as listening:
                bastion.door.port = listening.getsockname()[1]
                serving = asyncio.create_task(bastion.gateway.serve(listening, stop))
                try:
                    yield bastion
                finally:
                    bastion.recorder.broken = False
                    stop.set()
                    await serving
                    bastion.people.service.close()
    finally:
        database.close()
        shutil.rmtree(root)


async def until(condition, *, seconds: float = 15.0, what: str = "it"):
    """Wait until `condition()` is true; returns what it returned."""
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        if value := condition():
            return value
        await asyncio.sleep(0.05)
    raise AssertionError(f"{what} did not happen in {seconds} s")


def ended(bastion: Bastion) -> list[End]:
    """How the sessions that are over ended, in order."""
    return [End(str(entry.details["end"])) for entry in bastion.entries("bastion.session.close")]

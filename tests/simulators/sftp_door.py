"""The SFTP door over a real object store with two providers; identities and rights are simulated."""

import asyncio
import socket
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

import asyncssh

from nexus.app.wiring.sftp import IngressStores
from nexus.iam.model import AccessKey
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Denied, Sealed, Unauthenticated
from nexus.kernel.operation import Actor, ActorKind
from nexus.kernel.secret import Secret
from nexus.objects.model import Versioning
from nexus.warehouse.intake.requests import RegisterProvider
from nexus.warehouse.sftp import gateway, keys
from nexus.warehouse.sftp.deposit import Desk
from nexus.warehouse.sftp.gateway import Gateway
from simulators.extracts import AGREED, Hospital, hospital

CLAIRE, LUC = "NXAKCLAIRE", "NXAKLUC"
"""Access keys of two providers."""
HOST_KEY = Secret(b"h" * 32)


class AccessKeys:
    """The port: keys that work until they are revoked."""

    def __init__(self) -> None:
        self.working = {CLAIRE: "chu-in", LUC: "lyon-in"}

    def secret(self, key_id: str) -> Secret:
        return Secret(f"secret of {key_id}".encode())

    def access_key(self, key_id: str) -> AccessKey:
        if key_id not in self.working:
            raise Unauthenticated("no such key", code="iam.unknown-access-key")
        actor = Actor(f"machine:{self.working[key_id]}", ActorKind.MACHINE)
        return AccessKey(key_id, self.secret(key_id), actor, "operation", Instant(2**62))


class OwnBucket:
    """A gate by which everybody acts in one bucket, named in the actor's id."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def check(self, op, action, resource) -> None:
        self.asked.append((action, str(resource)))
        if op.actor.id != f"machine:{resource.id.partition('/')[0]}":
            raise Denied("this is not yours", code="iam.denied")


class Lease:
    held = True

    def require(self) -> None:
        if not self.held:
            raise Sealed("the platform is sealed", code="kms.sealed")


class Door:
    """What a test of the door needs, in one hand."""

    def __init__(self, root: Path, made: Hospital, listening: socket.socket, idle_s: float) -> None:
        self.root, self.hospital, self.store = root, made, made.store
        self.access_keys, self.gate, self.lease = AccessKeys(), OwnBucket(), Lease()
        desk = Desk(
            access_keys=self.access_keys,
            gate=self.gate,
            lease=self.lease,
            audit=made.store.database,
            stores=IngressStores(made.store.database, made.store.objects),
            clock=made.store.clock,
        )
        self.gateway = Gateway(desk, HOST_KEY, idle_s=idle_s)
        self.port = listening.getsockname()[1]

    def connect(self, key_id: str = CLAIRE, *, secret: Secret | None = None, **options):
        """An asyncssh connection with the key that belongs to an access key, or to another secret."""
        key = keys.private_key(key_id, secret or self.access_keys.secret(key_id))
        host = asyncssh.import_known_hosts(f"[127.0.0.1]:{self.port} {gateway.host_line(HOST_KEY)}")
        return asyncssh.connect(
            "127.0.0.1",
            self.port,
            username=key_id,
            client_keys=[asyncssh.import_private_key(keys.private_file(key))],
            known_hosts=host,
            config=None,
            agent_path=None,
            **options,
        )

    async def openssh(self, batch: str, key_id: str = CLAIRE) -> subprocess.CompletedProcess[str]:
        """OpenSSH's own client, with a batch of commands."""
        file, hosts = self.root / "id", self.root / "known_hosts"
        file.unlink(missing_ok=True)
        file.write_bytes(keys.private_file(keys.private_key(key_id, self.access_keys.secret(key_id))))
        file.chmod(0o600)
        hosts.write_text(f"[127.0.0.1]:{self.port} {gateway.host_line(HOST_KEY)}\n")
        options = ("StrictHostKeyChecking=yes", f"UserKnownHostsFile={hosts}", "IdentitiesOnly=yes", "BatchMode=yes")
        named = [word for option in options for word in ("-o", option)]
        command = ["sftp", "-F", "/dev/null", "-i", str(file), *named, "-P", str(self.port), "-b", "-"]
        return await asyncio.to_thread(
            subprocess.run,
            [*command, f"{key_id}@127.0.0.1"],
            input=batch,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    async def keys_in(self, bucket: str = "chu-in") -> dict[str, int]:
        """What lies in a bucket: names and sizes."""
        page = await self.store.objects.listing.objects(self.store.op, self.store.objects.buckets.find(bucket))
        return {one.key: one.size for one in page.versions}


@asynccontextmanager
async def sftp_door(root: Path, *, idle_s: float = 900.0):
    root.mkdir(parents=True, exist_ok=True)
    made = await hospital(root)
    other = await made.store.bucket("lyon-in", kind="ingress")
    await made.store.objects.buckets.set_versioning(made.store.op, other, Versioning.ENABLED)
    request = RegisterProvider(name="lyon-ehr", title="Lyon", bucket="lyon-in", agreement=AGREED)
    await made.service.register(made.store.op, request)
    await made.store.bucket("ward")
    stop = asyncio.Event()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        door = Door(root, made, listening, idle_s)
        serving = asyncio.create_task(door.gateway.serve(listening, stop))
        await asyncio.sleep(0.1)
        try:
            yield door
        finally:
            stop.set()
            await serving
            made.store.close()

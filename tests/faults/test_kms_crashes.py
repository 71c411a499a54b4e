"""`kill -9` at random moments: nothing that was acknowledged is lost, nothing that was destroyed comes back.

The key service runs as a process of its own, with real files, a real socket and (where installed) a real token.
"""

import asyncio
import random
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import pytest

from nexus.kernel.errors import Conflict, NexusError
from nexus.kms import certificate
from nexus.kms.model import KeyState, ServiceState
from nexus.kms.requests import CreateKey, KeyRef, ListKeys, ScheduleDestruction
from simulators.keyprocess import KeyProcess
from simulators.operations import operation
from simulators.tokens import needs_softhsm

ROUNDS = 3
CONTEXT = {"bucket": "bkt_1"}
providers = pytest.mark.parametrize(
    "provider", ["keystore", pytest.param("pkcs11", marks=[needs_softhsm, pytest.mark.softhsm])]
)


@pytest.fixture
async def place():
    root = Path(mkdtemp(prefix="kms-crash-"))
    processes = []

    def make(provider="keystore", **more):
        processes.append(KeyProcess(root, provider, **more))
        return processes[-1]

    yield make
    for process in processes:
        await process.stop()
    shutil.rmtree(root)


class Believed:
    """What a client was told, and therefore believes."""

    def __init__(self):
        self.versions = {}
        self.wrapped = []
        self.ordered = set()

    async def work(self, api):
        """Create, generate, rotate and order destructions until the service is gone."""
        with suppress(NexusError):
            while True:
                key = await api.create(operation(), CreateKey(owner="per_a", purpose="crash", rotation_days=9))
                self.versions[key.id] = 1
                made = await api.generate(key.id, CONTEXT, operation())
                self.wrapped.append((key.id, made))
                rotated = await api.rotate(operation(), KeyRef(key_id=key.id))
                self.versions[key.id] = rotated.current.number
                if random.random() < 0.4:
                    op = replace(operation(), approval="apr_1")
                    await api.schedule_destruction(op, ScheduleDestruction(key_id=key.id))
                    self.ordered.add(key.id)


@providers
async def test_what_was_acknowledged_survives_kill_9_at_random_moments(place, provider):
    service, believed, chance = place(provider, demonstration=True, demo_destruction_seconds=1), Believed(), random
    await service.start()
    await service.initialise()
    for _ in range(ROUNDS):
        await service.unseal()
        clients = [await service.client("api") for _ in range(3)]
        working = [asyncio.create_task(believed.work(client)) for client in clients]
        await asyncio.sleep(chance.uniform(0.1, 0.5))
        await service.kill()
        await asyncio.gather(*working)
        await service.start()
    status = await service.unseal()
    assert status.state is ServiceState.UNSEALED and status.missing == ()
    await everything_is_as_believed(service, believed)


async def everything_is_as_believed(service, believed):
    api = await service.client("api")
    keys, after = {}, ""
    while True:
        page = await api.list_keys(operation(), ListKeys(after=after, limit=1_000))
        keys |= {key.id: key for key in page.keys}
        if not (after := page.next):
            break
    assert len(believed.versions) > ROUNDS and believed.versions.keys() <= keys.keys()
    for key_id, version in believed.versions.items():
        assert keys[key_id].current.number >= version
    for key_id, made in believed.wrapped:
        if keys[key_id].state is KeyState.ENABLED:
            assert await api.unwrap(made.wrapped, CONTEXT, operation()) == made.plaintext
        else:
            with pytest.raises(Conflict):
                await api.unwrap(made.wrapped, CONTEXT, operation())
    assert all(keys[key_id].state is not KeyState.ENABLED for key_id in believed.ordered)
    entries = await service.entries()
    created = {entry.resource.id for entry in entries if entry.action == "kms.key.create"}
    assert created == keys.keys(), "a key without its entry, or an entry without its key"


@providers
async def test_a_destruction_that_was_interrupted_is_finished_and_certified_once(place, provider):
    service = place(provider, demonstration=True, demo_destruction_seconds=1)
    await service.start()
    await service.initialise()
    await service.unseal()
    api = await service.client("api")
    op = replace(operation(), approval="apr_1")
    ordered = []
    for _ in range(8):
        key = await api.create(operation(), CreateKey(owner="per_a", purpose="crash", rotation_days=9))
        ordered.append(key.id)
        await api.schedule_destruction(op, ScheduleDestruction(key_id=key.id))
    await asyncio.sleep(0.5)
    for _ in range(3):
        await asyncio.sleep(random.uniform(0.1, 0.8))
        await service.kill()
        await service.start()
        await service.unseal()
    api = await service.client("api")
    for key_id in ordered:
        for _ in range(100):
            key = await api.read(operation(), KeyRef(key_id=key_id))
            if key.state is KeyState.DESTROYED:
                break
            await asyncio.sleep(0.1)
        assert key.state is KeyState.DESTROYED
        told = certificate.verify(key.certificate, await public_keys(api))
        assert (told.key_id, told.approval) == (key_id, "apr_1")
    ends = [entry.resource.id for entry in await service.entries() if entry.details.get("step") == "destroyed"]
    assert sorted(ends) == sorted(ordered)


async def public_keys(api):
    keys = (await api.list_keys(operation(), ListKeys())).keys
    return {key.algorithm.value: key.current.public_key for key in keys if key.owner == "system:kms"}


async def test_the_process_stops_in_order_and_starts_sealed(place):
    service = place()
    await service.start()
    await service.initialise()
    await service.unseal()
    assert await service.stop() == 0 and not service.socket.exists()
    await service.start()
    supervisor = await service.client("supervisor")
    assert (await supervisor.status()).state is ServiceState.SEALED


async def test_a_killed_process_ends_every_lease(place):
    service = place()
    await service.start()
    await service.initialise()
    await service.unseal()
    s3 = await service.client("s3")
    heard = []
    s3.subscribe(lambda event: heard.append(event.kind.value))
    assert s3.leased
    await service.kill()
    for _ in range(100):
        if heard:
            break
        await asyncio.sleep(0.01)
    assert heard[0] == "lost" and not s3.leased


async def test_no_secret_stands_in_arguments_or_environment_of_the_process(place):
    service = place()
    await service.start()
    proc = Path("/proc") / str(service.pid)
    told = proc.joinpath("cmdline").read_bytes()
    with suppress(PermissionError):
        told += proc.joinpath("environ").read_bytes()
    assert b"PRIVATE KEY" not in told and b"CERTIFICATE" not in told


async def test_the_process_is_not_to_be_debugged_or_dumped(place):
    service = place()
    await service.start()
    limits = (Path("/proc") / str(service.pid) / "limits").read_text()
    assert next(line for line in limits.splitlines() if "core file" in line).split()[4:6] == ["0", "0"]

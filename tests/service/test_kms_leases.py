"""Holders of keys hear of every change before it is acknowledged, and lose their lease when they do not."""

import asyncio
from time import monotonic

import pytest

from nexus.kernel.errors import Unavailable
from nexus.kms.frames import BEAT_S, LEASE_S
from nexus.kms.model import KeyEventKind, ServiceState
from nexus.kms.requests import KeyRef
from simulators.keyservice import running
from simulators.operations import operation

CONTEXT = {"bucket": "bkt_1"}


async def test_holders_hear_of_a_seal_before_it_is_acknowledged():
    async with running() as kms:
        s3, api = await kms.client("s3"), await kms.client()
        heard = []
        s3.subscribe(lambda event: heard.append(event.kind))
        assert s3.leased and api.leased
        sealing = await api.seal(operation())
        assert heard == [KeyEventKind.SEALED] and not s3.leased and not api.leased
        assert sealing.confirmed == 3 and sealing.dropped == 0
        await kms.unseal()
        await asyncio.sleep(0.05)
        assert heard[-1] is KeyEventKind.UNSEALED and s3.leased


async def test_disabling_and_destroying_tell_which_key_to_drop():
    async with running() as kms:
        s3, api = await kms.client("s3"), await kms.client()
        key = await kms.create(api)
        heard = []
        s3.subscribe(heard.append)
        await api.disable(operation(), KeyRef(key_id=key.id))
        assert [(event.kind, event.key_id) for event in heard] == [(KeyEventKind.KEY_CHANGED, key.id)]


async def test_a_holder_that_fails_to_wipe_loses_its_connection():
    async with running() as kms:
        s3, api = await kms.client("s3"), await kms.client()
        wiped = []

        def fail(event):
            raise RuntimeError("cannot wipe")

        s3.subscribe(fail)
        s3.subscribe(lambda event: wiped.append(event.kind))
        sealing = await api.seal(operation())
        assert sealing.dropped == 1 and KeyEventKind.SEALED in wiped and not s3.leased


async def test_a_frozen_holder_has_lost_its_lease_when_the_seal_is_acknowledged():
    """Another process, stopped by a signal: it cannot confirm, and must not use what it holds when it wakes."""
    import signal
    import sys

    from simulators.machines import credentials

    async with running() as kms:
        program = (
            "import asyncio, sys\n"
            "from pathlib import Path\n"
            "from nexus.kernel.mutual import Credentials, ServiceIdentity\n"
            "from nexus.kms.client import KeyServiceClient\n"
            "async def main():\n"
            f"    identity = ServiceIdentity({credentials('s3')!r})\n"
            f"    client = KeyServiceClient(Path({str(kms.socket)!r}), identity)\n"
            "    await client.start()\n"
            "    print(client.leased, flush=True)\n"
            "    while client.leased: await asyncio.sleep(0.001)\n"
            "    print('gone', flush=True)\n"
            "asyncio.run(main())\n"
        )
        holder = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
        assert await holder.stdout.readline() == b"True\n"
        holder.send_signal(signal.SIGSTOP)
        api = await kms.client()
        frozen_at = monotonic()
        sealing = await api.seal(operation())
        assert sealing.dropped == 1 and monotonic() - frozen_at > LEASE_S - 2 * BEAT_S
        holder.send_signal(signal.SIGCONT)
        assert await asyncio.wait_for(holder.stdout.readline(), 5) == b"gone\n"
        await holder.wait()


async def test_a_service_that_falls_silent_ends_the_lease():
    async with running() as kms:
        s3 = await kms.client("s3")
        kms.server._beating.cancel()
        assert s3.leased
        await asyncio.sleep(2.2)
        assert not s3.leased


async def test_clients_reconnect_and_say_what_they_lost():
    async with running() as kms:
        s3 = await kms.client("s3")
        heard = []
        s3.subscribe(lambda event: heard.append(event.kind))
        kms.clients.remove(s3)
        await kms.restart()
        await asyncio.sleep(0.1)
        assert heard == [KeyEventKind.LOST] and not s3.leased
        assert (await s3.status()).state is ServiceState.SEALED
        await kms.unseal()
        await asyncio.sleep(0.05)
        assert heard[-1] is KeyEventKind.UNSEALED and s3.leased
        await s3.close()


async def test_without_a_service_calls_fail_in_time():
    async with running() as kms:
        s3 = await kms.client("s3")
        kms.clients.remove(s3)
        await kms.stop()
        with pytest.raises(Unavailable):
            await s3.status()
        await s3.close()
        await kms.start()

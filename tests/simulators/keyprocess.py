"""The key service as a process of its own, as the supervisor runs it: started, killed, started again."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import msgspec

import nexus
from nexus.kernel.entries import decode
from nexus.kernel.secret import Secret
from nexus.kms.client import KeyServiceClient
from nexus.kms.requests import Initialise
from simulators import tokens
from simulators.keyservice import PASSPHRASE
from simulators.machines import credentials, identity
from simulators.operations import operation

READY_S = 20


class KeyProcess:
    def __init__(self, root: Path, provider: str = "keystore", **more):
        (root / "data").mkdir()
        self.root = root
        self.socket = root / "kms.sock"
        self.pin = tokens.create_token(root / "softhsm") if provider == "pkcs11" else None
        self._environment = tokens.environment(root / "softhsm") if provider == "pkcs11" else {}
        self._settings = {
            "instance": "nx_crash",
            "directory": str(root / "data"),
            "socket": str(self.socket),
            "anchors": [str(root / "outside" / "anchors")],
            "provider": provider,
            "pkcs11_module": str(tokens.MODULE or ""),
            "pkcs11_label": tokens.LABEL,
            "cost": {"passes": 1, "memory_kib": 64, "lanes": 1},
            **more,
        }
        self._process = None
        self._clients = []

    async def start(self):
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "nexus.kms.process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={
                "PATH": os.defpath,
                "PYTHONPATH": str(Path(nexus.__file__).parents[1]),
                **self._environment,
            },
        )
        self._process.stdin.write(json.dumps(self._settings).encode() + b"\n")
        self._process.stdin.write(msgspec.json.encode(credentials("kms")) + b"\n")
        assert await asyncio.wait_for(self._process.stdout.readline(), READY_S) == b"ready\n"

    @property
    def pid(self):
        return self._process.pid

    async def kill(self):
        self._process.send_signal(signal.SIGKILL)
        await self._process.wait()

    async def stop(self):
        for client in self._clients:
            await client.close()
        self._clients.clear()
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                return await asyncio.wait_for(self._process.wait(), 10)
            except TimeoutError:
                await self.kill()
        return self._process.returncode if self._process else 0

    async def client(self, caller):
        client = KeyServiceClient(self.socket, identity(caller))
        self._clients.append(client)
        await client.start()
        return client

    async def initialise(self):
        supervisor = await self.client("supervisor")
        await supervisor.initialise(Initialise(passphrase=Secret(PASSPHRASE.encode()), pin=self.pin))

    async def unseal(self):
        supervisor = await self.client("supervisor")
        return await supervisor.unseal(Secret(PASSPHRASE.encode()), operation())

    async def entries(self):
        worker = await self.client("worker")
        return [decode(message.body) for message in await worker.entries(4_096)]

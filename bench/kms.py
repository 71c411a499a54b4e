"""The key service over its socket (TLS 1.3 with certificates both ways), with each provider: wrap, unwrap, rewrap, sign, pseudonyms.

Beside, from the same run: what the provider does without a service around it, and what a socket to another process
costs that only sends back what it gets. An unwrap includes its durable audit entry; a wrap has none.
"""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from harness import Figure, figure, latencies, main, percentile, rate

from nexus.app import pki
from nexus.kernel.clock import Instant, SystemClock
from nexus.kernel.mutual import Credentials, ServiceIdentity, spiffe_id
from nexus.kernel.operation import Operation, system_actor
from nexus.kernel.secret import Secret
from nexus.kms.anchors import AnchorRegister
from nexus.kms.client import KeyServiceClient
from nexus.kms.model import Algorithm, KeyClass
from nexus.kms.ports import KeySpec, Provider
from nexus.kms.process import ProcessSettings, make_provider
from nexus.kms.requests import CreateKey, Initialise, KeyRef

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
LABEL = "nexus-bench"
PASSPHRASE = b"only for this benchmark"
CALLERS = ("supervisor", "api", "worker")
CONTEXT = {"bucket": "bkt_01jd3000000000000000000000", "site": "chu"}
ALONE, TOGETHER = 400, 64
"""Calls one after the other for the latencies; callers at the same time for the throughput."""
CALLS = 6_000
REWRAPPED, BATCH = 20_000, 1_000
PSEUDONYMS = 4_000
MESSAGE = bytes(300)
_OPERATION = Operation("op_bench", system_actor("bench"), "operation", Instant(0), "local", "bench")

ECHO = """
import asyncio, sys
class Echo(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data): self.transport.write(data)
async def main():
    server = await asyncio.get_running_loop().create_unix_server(Echo, sys.argv[1])
    print("ready", flush=True)
    await server.serve_forever()
asyncio.run(main())
"""


class Place:
    """A directory with a key service in it, a process of its own."""

    def __init__(self, folder: Path, provider: str) -> None:
        self.folder, self.provider = folder, provider
        self.authority = pki.found_authority("nx_bench", SystemClock().now())
        self.environment = dict(os.environ)
        self.pin: Secret | None = None
        if provider == "pkcs11":
            self.pin = self._make_token()

    def _make_token(self) -> Secret:
        tokens, configuration = self.folder / "tokens", self.folder / "softhsm2.conf"
        tokens.mkdir()
        configuration.write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = self.environment["SOFTHSM2_CONF"] = str(configuration)
        command = ["softhsm2-util", "--init-token", "--free", "--label", LABEL, "--so-pin", "12345678"]
        subprocess.run([*command, "--pin", "12345678"], check=True, stdout=subprocess.DEVNULL)
        return Secret(b"12345678")

    def settings(self) -> ProcessSettings:
        (self.folder / "data").mkdir(exist_ok=True)
        return ProcessSettings(
            instance="nx_bench",
            directory=str(self.folder / "data"),
            socket=str(self.folder / "kms.sock"),
            anchors=(str(self.folder / "anchors"),),
            provider=self.provider,
            pkcs11_module=str(MODULE),
            pkcs11_label=LABEL,
        )

    def _credentials(self, name: str) -> Credentials:
        root = self.authority.certificate
        leaf = pki.sign(self.authority, pki.draft_service(root, spiffe_id("nx_bench", name), SystemClock().now()))
        return Credentials(leaf.chain, leaf.key.reveal(), root, leaf.renew_at, leaf.expires_at)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[dict[str, KeyServiceClient]]:
        told = {name: getattr(self.settings(), name) for name in ProcessSettings.__struct_fields__ if name != "cost"}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "nexus.kms.process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self.environment,
        )
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(told).encode() + b"\n")
        process.stdin.write(msgspec.json.encode(self._credentials("kms")) + b"\n")
        await process.stdout.readline()
        clients = {}
        for caller in CALLERS:
            clients[caller] = KeyServiceClient(self.folder / "kms.sock", ServiceIdentity(self._credentials(caller)))
            await clients[caller].start()
        await clients["supervisor"].initialise(Initialise(passphrase=Secret(PASSPHRASE), pin=self.pin))
        await clients["supervisor"].unseal(Secret(PASSPHRASE))
        try:
            yield clients
        finally:
            for client in clients.values():
                await client.close()
            process.terminate()
            await process.wait()


def measure(rounds: int) -> Iterator[Figure]:
    yield from asyncio.run(_echo(rounds))
    for provider in ("keystore", "pkcs11"):
        if provider == "pkcs11" and not MODULE.exists():
            continue
        folder = Path(tempfile.mkdtemp(dir=Path(__file__).parent, prefix=".bench-kms"))
        try:
            place = Place(folder, provider)
            yield from _raw(place, rounds)
            yield from asyncio.run(_served(place, rounds))
        finally:
            shutil.rmtree(folder)


# Beside


def _raw(place: Place, rounds: int) -> Iterator[Figure]:
    """The provider alone, in this process, one call after the other."""
    name = _name(place.provider)
    register = AnchorRegister([place.folder / "raw-anchors"], "nx_bench")
    register.open(create=True)
    provider: Provider = make_provider(place.settings(), register)
    provider.open(place.pin or Secret(bytes(32)))
    spec = KeySpec("raw/1", Algorithm.AES_256_GCM)
    key = provider.use(spec, provider.generate(spec).handle)
    sealed = key.seal(bytes(32), b"x" * 120)

    def seal() -> int:
        for _ in range(200):
            key.seal(bytes(32), b"x" * 120)
        return 200

    def unseal() -> int:
        for _ in range(200):
            key.unseal(sealed, b"x" * 120)
        return 200

    yield figure(f"{name}: raw wrap, no service around it", rate(seal, rounds=rounds, seconds=0.5), "/s")
    yield figure(f"{name}: raw unwrap, no service around it", rate(unseal, rounds=rounds, seconds=0.5), "/s")
    took = latencies(lambda: key.unseal(sealed, b"x" * 120), 2_000)
    yield Figure(f"{name}: raw unwrap, p99", percentile(took, 99) * 1_000, "ms")
    provider.close()
    register.close()


async def _echo(rounds: int) -> list[Figure]:
    """A frame of the size of an unwrap to another process and back."""
    path = Path(tempfile.mkdtemp(prefix="kms-echo")) / "s"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ECHO, str(path), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout
    await process.stdout.readline()
    reader, writer = await asyncio.open_unix_connection(str(path))

    async def call() -> None:
        writer.write(bytes(320))
        await reader.readexactly(320)

    samples = [await _one_by_one(call, ALONE) for _ in range(rounds)]
    process.terminate()
    await process.wait()
    return _latency_figures("bare socket echo, 320 bytes", samples)


# Over the socket


async def _served(place: Place, rounds: int) -> list[Figure]:
    name = _name(place.provider)
    async with place.running() as clients:
        api, worker = clients["api"], clients["worker"]
        made = CreateKey(owner="per_bench", purpose="benchmark", rotation_days=90)
        key = await api.create(_OPERATION, made)
        secret = Secret(bytes(32))
        wrapped = await api.wrap(key.id, secret, CONTEXT, _OPERATION)

        async def wrap() -> None:
            await api.wrap(key.id, secret, CONTEXT, _OPERATION)

        async def unwrap() -> None:
            await api.unwrap(wrapped, CONTEXT, _OPERATION)

        figures = []
        for what, call in (("wrap", wrap), ("unwrap, recorded", unwrap)):
            alone = [await _one_by_one(call, ALONE) for _ in range(rounds)]
            figures += _latency_figures(f"{name}: {what}", alone)
            together = [await _together(call) for _ in range(rounds)]
            figures.append(
                figure(f"{name}: {what}, {TOGETHER} callers", [speed for speed, _ in together], "/s", target="5 k/s")
            )
            worst = [percentile(took, 99) * 1_000 for _, took in together]
            figures.append(figure(f"{name}: {what}, {TOGETHER} callers, p99", worst, "ms"))
        figures.append(await _rewrap(name, api, worker, key.id, wrapped))
        figures += await _computed(name, api, worker)
        return figures


async def _rewrap(name: str, api: KeyServiceClient, worker: KeyServiceClient, key_id: str, wrapped: bytes) -> Figure:
    await api.rotate(_OPERATION, KeyRef(key_id=key_id))
    await worker.begin_rewrap(_OPERATION, KeyRef(key_id=key_id))
    start = time.perf_counter()
    for _ in range(REWRAPPED // BATCH):
        await worker.rewrap([wrapped] * BATCH, [CONTEXT] * BATCH, _OPERATION)
    speed = REWRAPPED / (time.perf_counter() - start)
    return Figure(
        f"{name}: rewrap, batches of {BATCH}",
        speed,
        "/s",
        target="8.3 k/s (a million in 120 s)",
        note=f"a million in {1_000_000 / speed:.0f} s",
    )


async def _computed(name: str, api: KeyServiceClient, worker: KeyServiceClient) -> list[Figure]:
    figures = []
    for algorithm in (Algorithm.ED25519, Algorithm.ML_DSA_44):
        made = CreateKey(
            owner="per_bench",
            purpose="benchmark",
            rotation_days=90,
            key_class=KeyClass.SIGNING,
            algorithm=algorithm,
        )
        key_id = (await api.create(_OPERATION, made)).id
        took = await _one_by_one(lambda key_id=key_id: worker.sign(key_id, MESSAGE), ALONE)
        figures.append(Figure(f"{name}: sign {algorithm.value}, p50", percentile(took, 50) * 1_000, "ms"))
    made = CreateKey(owner="per_bench", purpose="benchmark", rotation_days=90, key_class=KeyClass.PSEUDONYMISATION)
    key_id = (await api.create(_OPERATION, made)).id
    inputs = [secrets.token_bytes(16) for _ in range(PSEUDONYMS)]
    start = time.perf_counter()
    for _ in range(10):
        await api.prf(key_id, inputs, _OPERATION)
    speed = 10 * PSEUDONYMS / (time.perf_counter() - start)
    figures.append(Figure(f"{name}: pseudonyms, batches of {PSEUDONYMS}", speed, "/s", target="150 k/s computed"))
    return figures


async def _one_by_one(call: Callable[[], Awaitable[object]], count: int) -> list[float]:
    await call()
    took = []
    for _ in range(count):
        start = time.perf_counter()
        await call()
        took.append(time.perf_counter() - start)
    return took


async def _together(call: Callable[[], Awaitable[object]]) -> tuple[float, list[float]]:
    took: list[float] = []

    async def caller() -> None:
        for _ in range(CALLS // TOGETHER):
            start = time.perf_counter()
            await call()
            took.append(time.perf_counter() - start)

    start = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(TOGETHER)))
    return len(took) / (time.perf_counter() - start), took


def _latency_figures(what: str, rounds: list[list[float]]) -> list[Figure]:
    return [
        figure(f"{what}, p{percent}", [percentile(took, percent) * 1_000 for took in rounds], "ms", target=target)
        for percent, target in ((50, ""), (99, "2 ms" if "wrap" in what else ""))
    ]


def _name(provider: str) -> str:
    return {"keystore": "keystore", "pkcs11": "SoftHSM"}[provider]


if __name__ == "__main__":
    main(measure)

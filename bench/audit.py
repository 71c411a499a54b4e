"""The audit log: durable entries, proofs, receipts that witnesses countersigned, search, whole-log verification.

Each append is what the platform does: payload as JSON, salted commitment, AES-256-GCM under the person's key, Merkle head
in a compare-and-swap row, in a transaction of the encrypted database that is synced before the next begins. Beside, from
the same run: the same rows inserted into bare SQLite (no encryption, no tree), and fdatasync from bench/limits.py.
"""

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import apsw
import httpx
from harness import Figure, figure, latencies, main, percentile, rate

from nexus.audit.checkpointer import Checkpointer
from nexus.audit.filters import BLOCK_ENTRIES
from nexus.audit.indexer import AuditIndexer
from nexus.audit.log import AuditLog
from nexus.audit.migrations import MIGRATIONS
from nexus.audit.model import ListEntries, LogPolicy, WitnessSpec
from nexus.audit.policy import LogIdentity, TrustPolicy, policy_text
from nexus.audit.reader import AuditReader
from nexus.audit.receipt import verify_receipt
from nexus.audit.store import put_policy
from nexus.audit.tiles import TileReader
from nexus.audit.verification import LogVerification
from nexus.audit.witness.keys import WitnessKeys
from nexus.audit.witnesses import WitnessClient
from nexus.crypto.hpke import OpeningKey
from nexus.crypto.merkle import inclusion_proof
from nexus.kernel.database import Bookkeeping, Database, Recorded
from nexus.kernel.operation import Entry, Resource
from nexus.kernel.secret import Secret

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "tests"))

from simulators.operations import operation  # noqa: E402
from simulators.signers import ORIGIN, log_signers  # noqa: E402

PERSONS = 50
GROWN = 200 * BLOCK_ENTRIES
"""Entries of the log that is searched, proved and verified."""
CALLERS = 256
PUBLISHED = 200
PRIVATE_KEY = OpeningKey(Secret(bytes(range(32))))

WITNESS = """
import asyncio, sys
sys.path.append(sys.argv[1])
from pathlib import Path
from granian.constants import Interfaces
from granian.server.embed import Server
from nexus.audit.policy import TrustPolicy
from nexus.audit.witness.http import witness_app
from nexus.audit.witness.keys import WitnessKeys
from nexus.audit.witness.service import WitnessService
from nexus.audit.witness.store import WitnessStore
name, folder, port = sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
logs = TrustPolicy.parse((folder / "logs").read_text()).logs
service = WitnessService(WitnessKeys.load(folder / f"{name}.pem", name), logs, WitnessStore(folder / f"{name}.db"))
server = Server(witness_app(service), address="127.0.0.1", port=port, interface=Interfaces.ASGINL, log_enabled=False)
asyncio.run(server.serve())
"""


def entry(number: int) -> Entry:
    """A read of an object, as the S3 door records it."""
    who = operation(f"per_{number % PERSONS}", purpose="research", door="s3")
    what = Resource("Object", f"chu-ingress/study-{number % 40}/{number}.dcm", {"site": "chu", "kind": "ingress"})
    return who.allowed("objects.object.read", what, bytes=524_288, version="01jd3v8f2x7q9k4m6n0p5r1s2t")


ENTRIES = [entry(number) for number in range(4096)]


class Bench:
    """A log in a directory of its own, on the disk of this checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.db = Database(folder / "nexus.db", key=Secret(b"k" * 32), recorder=AuditLog(PRIVATE_KEY.public))
        self.db.migrate(MIGRATIONS)
        self.signers = log_signers()
        self.identity = LogIdentity(ORIGIN, tuple(signer.key for signer in self.signers))
        self.reader = AuditReader(self.db, PRIVATE_KEY, folder / "log")

    def append(self, count: int) -> int:
        """`count` entries by writers that do not wait for each other: the database gathers them into commits."""
        futures = [self.db.submit(recorded(ENTRIES[i % len(ENTRIES)])) for i in range(count)]
        for future in futures:
            future.result()
        return count


def recorded(one: Entry) -> Callable[[object], Recorded[None]]:
    return lambda tx: Recorded(None, one)


def measure(rounds: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(dir=HERE) as folder:
        yield from _appending(Path(folder), rounds)
    with tempfile.TemporaryDirectory(dir=HERE) as folder:
        yield from _reading(Path(folder), rounds)
    with tempfile.TemporaryDirectory(dir=HERE) as folder:
        yield from asyncio.run(_publishing(Path(folder)))


# Appending


def _appending(folder: Path, rounds: int) -> Iterator[Figure]:
    for batch in (1, 16, 256):
        with _bare_sqlite(folder / f"bare-{batch}.db") as insert:
            samples = rate(lambda batch=batch: insert(batch), rounds=rounds)
        yield figure(f"bare SQLite, the same rows, {batch} a commit", samples, "/s", limit="sqlite-commit")
        bench = Bench(_new(folder / f"log-{batch}"))
        samples = rate(lambda b=bench, n=batch: _one_commit(b, n), rounds=rounds)
        bench.db.close()
        target = "20 k durable entries/s" if batch > 1 else ""
        yield figure(f"entries, {batch} a commit", samples, "/s", limit="fdatasync", target=target)
    bench = Bench(_new(folder / "together"))
    samples = rate(lambda: bench.append(4096), rounds=rounds)
    yield figure("entries, as the database gathers them (threads)", samples, "/s", limit="fdatasync")
    yield figure("processor time of the log itself, an entry", _own_cost(bench, rounds), "us")
    samples = asyncio.run(_concurrent(bench, rounds))
    yield figure(f"entries, {CALLERS} coroutines that each wait", samples, "/s", limit="fdatasync")
    bench.db.close()


def _one_commit(bench: Bench, size: int) -> int:
    """One commit of exactly this many entries: the whole batch is one write of the database."""
    entries = ENTRIES[:size]

    def all_but_last(tx: object) -> Recorded[None]:
        bench.db._recorder.record(tx, entries[:-1]) if size > 1 else None
        return Recorded(None, entries[-1])

    bench.db.submit(all_but_last).result()
    return size


def _own_cost(bench: Bench, rounds: int) -> list[float]:
    """What the recorder does in a transaction of 256 entries, without the commit: payload, seal, leaf, row, head."""
    samples: list[float] = []

    def timed(tx: object) -> None:
        before = time.process_time()
        bench.db._recorder.record(tx, ENTRIES[:256])
        samples.append((time.process_time() - before) / 256 * 1e6)

    for _ in range(20 * rounds):
        bench.db.submit(lambda tx: (timed(tx), Recorded(None, ENTRIES[0]))[1]).result()
    return samples


async def _concurrent(bench: Bench, rounds: int) -> list[float]:
    loop, samples = asyncio.get_running_loop(), []

    async def caller(count: int) -> None:
        for i in range(count):
            await bench.db.record(ENTRIES[i])

    for _ in range(rounds):
        start = loop.time()
        await asyncio.gather(*(caller(40) for _ in range(CALLERS)))
        samples.append(40 * CALLERS / (loop.time() - start))
    return samples


@contextmanager
def _bare_sqlite(path: Path) -> Iterator[Callable[[int], int]]:
    connection = apsw.Connection(str(path))
    for pragma in ("journal_mode = wal", "synchronous = full"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.execute("CREATE TABLE leaf (position INTEGER PRIMARY KEY, leaf BLOB, epoch INTEGER, sealed BLOB)")

    def insert(size: int) -> int:
        with connection:
            rows = [(None, bytes(33), 1, bytes(620))] * size
            connection.executemany("INSERT INTO leaf VALUES (?, ?, ?, ?)", rows)
        return size

    yield insert
    connection.close()


# Reading


def _reading(folder: Path, rounds: int) -> Iterator[Figure]:
    bench = Bench(folder)
    bench.append(GROWN)
    checkpointer = Checkpointer(bench.db, bench.signers, folder / "log", WitnessClient(httpx.AsyncClient()))
    asyncio.run(_start_and_publish(checkpointer))
    what = f"in a log of {GROWN:,}"

    steps = iter(range(1, 10**9))
    scattered = lambda: next(steps) * 7919 % GROWN  # noqa: E731
    tiles = lambda: inclusion_proof(scattered(), GROWN, TileReader(folder / "log", GROWN).nodes)  # noqa: E731
    yield _milliseconds(f"inclusion proof {what}, cold tiles", latencies(tiles, 400), target="inclusion proof 1 ms")
    yield _milliseconds(f"receipt {what}, entry opened", latencies(lambda: bench.reader.prove(scattered()), 400))
    text, _ = bench.reader.prove(GROWN // 3)
    trust = TrustPolicy.parse(policy_text(bench.identity, LogPolicy()))
    yield _milliseconds("receipt verified, two log signatures", latencies(lambda: verify_receipt(text, trust), 400))

    rare = ListEntries(operation=ENTRIES[17].operation.id, limit=1)
    nobody = ListEntries(actor="per_nobody")
    yield _milliseconds(f"newest page of 50 {what}", latencies(lambda: bench.reader.page(ListEntries()), 50))
    yield _milliseconds(f"search for nobody {what}, no filters", latencies(lambda: bench.reader.page(nobody), 1))
    indexer = AuditIndexer(bench.db, bench.reader)
    yield figure("entries indexed", _index(indexer), "/s")
    while asyncio.run(indexer.advance(blocks=64)):
        pass
    yield _milliseconds(f"search for nobody {what}, filters", latencies(lambda: bench.reader.page(nobody), 5))
    yield _milliseconds(f"search for one operation {what}, filters", latencies(lambda: bench.reader.page(rare), 5))

    def verify() -> int:
        result = LogVerification(bench.db, bench.identity, folder / "log", bench.reader.opener).run()
        assert result.ok
        return result.size

    yield figure("entries verified, whole log", rate(verify, rounds=min(rounds, 2)), "/s")
    checkpointer.close()
    bench.db.close()


async def _start_and_publish(checkpointer: Checkpointer) -> None:
    await checkpointer.start()
    await checkpointer.publish()


def _index(indexer: AuditIndexer) -> list[float]:
    return rate(lambda: asyncio.run(indexer.advance(blocks=8)) * BLOCK_ENTRIES, rounds=3, seconds=0.5)


# Publishing


async def _publishing(folder: Path) -> list[Figure]:
    """One entry, one checkpoint, two witnesses over sockets: what a receipt of a fresh entry waits for."""
    bench = Bench(folder)
    (folder / "logs").write_text(policy_text(bench.identity, LogPolicy()))
    with ExitStack() as stack:
        specs = tuple(stack.enter_context(_witness(folder, name)) for name in ("w1", "w2"))
        policy = LogPolicy(witnesses=specs, quorum=2)
        await bench.db.bookkeep(Bookkeeping.CHECKPOINT, lambda tx: put_policy(tx, policy))
        async with httpx.AsyncClient() as http:
            checkpointer = Checkpointer(bench.db, bench.signers, folder / "log", WitnessClient(http))
            while await checkpointer.start():
                checkpointer.close()
                await asyncio.sleep(0.1)
            samples = []
            for i in range(PUBLISHED):
                await bench.db.record(ENTRIES[i])
                start = asyncio.get_running_loop().time()
                published = await checkpointer.publish()
                samples.append(asyncio.get_running_loop().time() - start)
                assert published is not None and published.witnessed, published
            checkpointer.close()
    bench.db.close()
    target = "countersigned p99 20 ms"
    return [_milliseconds("checkpoint: two signatures, two witnesses, files synced", samples, target=target)]


@contextmanager
def _witness(folder: Path, name: str) -> Iterator[WitnessSpec]:
    keys = WitnessKeys.generate(name)
    keys.save(folder / f"{name}.pem")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", WITNESS, str(HERE.parent / "src"), name, str(folder), str(port)]
    process = subprocess.Popen(command)
    try:
        yield WitnessSpec(name=name, url=f"http://127.0.0.1:{port}", keys=tuple(map(str, keys.public)))
    finally:
        process.terminate()
        process.wait()


def _milliseconds(what: str, seconds: list[float], *, target: str = "") -> Figure:
    """The median in milliseconds; the 99th percentile in the note."""
    note = f"p99 {percentile(seconds, 99) * 1e3:.2f} ms" if len(seconds) >= 100 else ""
    return figure(what, [value * 1e3 for value in seconds], "ms", target=target, note=note)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main(measure)

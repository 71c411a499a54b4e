"""Pseudonyms: how many a second are computed, and how many with the ledger, beside a bare HMAC and bare rows.

.venv/bin/python bench/pseudonyms.py [--rounds N] [--json]
"""

import asyncio
import hmac
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import Figure, figure, main, rate

from nexus.kernel.database import Database, Migration, Recorded
from nexus.kernel.engines.sqlite import SqliteEngine
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret
from nexus.pseudonyms import ledger
from nexus.pseudonyms.callers import FIRST, SECOND
from nexus.pseudonyms.function import Linking, Pseudonymising, fresh_secret
from nexus.pseudonyms.identity import Nir, NirKey
from nexus.pseudonyms.level import RANDOM_KEYS
from nexus.pseudonyms.messages import NirGiven, OpenDomain, Pseudonymise
from nexus.pseudonyms.notation import Domain
from nexus.pseudonyms.wire import Remote

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from simulators.machines import identity
from simulators.operations import operation
from simulators.pseudonym_levels import process
from simulators.recorder import MemoryRecorder

BATCH = 10_000
HUNDREDS = 3
"""Hundreds of thousands of people in the comparison of layouts."""
BARE = "INSERT INTO bare (domain, epoch, body, link) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
ONE_KEY, TWO_KEYS = "UNIQUE (domain, epoch, body)", "UNIQUE (domain, epoch, body), UNIQUE (domain, epoch, link)"
LAYOUTS = {
    "plain file, one index": (ONE_KEY, None),
    "encrypted, one index (as it is)": (ONE_KEY, Secret(b"k" * 32)),
    "encrypted, two indexes (as it was)": (TWO_KEYS, Secret(b"k" * 32)),
}
ENTRY = operation().allowed("pseudonyms.enter", PLATFORM)


def measure(rounds: int) -> Iterable[Figure]:
    linking, made = Linking([fresh_secret()]), Pseudonymising(Domain("EMC2", 1), fresh_secret())
    people = [Nir(f"{number:013d}", NirKey.ABSENT) for number in range(BATCH)]
    key, message = os.urandom(32), os.urandom(48)

    def computed() -> int:
        made.pseudonyms(linking.links(people))
        return BATCH

    def bare() -> int:
        for _ in range(BATCH):
            hmac.digest(key, message, "sha256")
        return BATCH

    bare_note = f"one HMAC-SHA-256 of the standard library: {sorted(rate(bare, rounds=rounds))[rounds // 2]:,.0f} /s"
    yield figure("pseudonyms, both levels", rate(computed, rounds=rounds), "/s", target="150 k/s", note=bare_note)
    with tempfile.TemporaryDirectory() as folder:
        engine = SqliteEngine(Path(folder) / "ledger.db", Secret(b"k" * 32), RANDOM_KEYS)
        database = Database(engine, recorder=MemoryRecorder())
        database.migrate(ledger.SCHEMAS)

        def entered() -> int:
            links = [os.urandom(32) for _ in range(BATCH)]
            database.submit(lambda tx: Recorded(ledger.enter(tx, made, links), ENTRY)).result()
            return BATCH

        fresh = rate(entered, rounds=rounds)
        held = database.peek("SELECT count(*) FROM pseudonyms_given")
        database.close()
    assert held is not None
    note = f"each checked against {held[0]:,} others; encrypted, {BATCH:,} a durable commit"
    yield figure("pseudonyms, second level and ledger", fresh, "/s", target="50 k/s", note=note)
    yield from _layouts()
    yield asyncio.run(_services(rounds))


def _layouts() -> Iterator[Figure]:
    """Bare rows of the ledger's size in turns, in processor time: what one index, two indexes and encryption cost."""
    with tempfile.TemporaryDirectory() as folder:
        databases = {what: _laid_out(Path(folder) / f"{what}.db", *how) for what, how in LAYOUTS.items()}
        for hundred in range(1, HUNDREDS + 1):
            spent = dict.fromkeys(LAYOUTS, 0.0)
            for _ in range(10):
                rows = sorted(("EMC2", 1, os.urandom(20), os.urandom(32)) for _ in range(BATCH))
                for what, database in databases.items():
                    begun = time.process_time()
                    database.submit(lambda tx, rows=rows: Recorded(tx.execute_many(BARE, rows), ENTRY)).result()
                    spent[what] += time.process_time() - begun
            for what, took in spent.items():
                note = f"the {hundred}th hundred thousand; no check, {BATCH:,} a commit, in turns"
                yield Figure(f"bare rows, {what}", 10 * BATCH / took, "/CPU-s", note=note)
        for database in databases.values():
            database.close()


def _laid_out(path: Path, keys: str, secret: Secret | None) -> Database:
    database = Database(SqliteEngine(path, secret, RANDOM_KEYS), recorder=MemoryRecorder())
    columns = "domain TEXT NOT NULL, epoch INTEGER NOT NULL, body BLOB NOT NULL, link BLOB NOT NULL"
    database.migrate([Migration("bare", 1, (f"CREATE TABLE bare ({columns}, {keys}) STRICT",))])
    return database


async def _services(rounds: int) -> Figure:
    """Both services, each in a process of its own: parsed, linked, kept, entered, answered, over mutual TLS."""
    with tempfile.TemporaryDirectory() as place, process_pair(Path(place)):
        api = Remote(Path(place) / f"{SECOND}.sock", identity("api"), SECOND)
        workers = [Remote(Path(place) / f"{FIRST}.sock", identity("worker"), FIRST) for _ in range(2)]
        await api.call("open_domain", operation(), OpenDomain("EMC2"))
        rates, first = [], 0
        for _ in range(rounds):
            batches = [
                Pseudonymise("EMC2", tuple(NirGiven(f"18005{number:08d}") for number in range(at, at + BATCH)))
                for at in range(first, first + 8 * BATCH, BATCH)
            ]
            first += 8 * BATCH
            begun = time.perf_counter()
            await asyncio.gather(
                *(_all(worker, batches[place :: len(workers)]) for place, worker in enumerate(workers))
            )
            rates.append(8 * BATCH / (time.perf_counter() - begun))
        for client in (api, *workers):
            await client.close()
    note = f"two processes (the first secret simulated, in memory), each with its secret and its encrypted database; {BATCH:,} a call, two calls under way"
    return figure("pseudonyms, both services over their sockets", rates, "/s", target="50 k/s", note=note)


async def _all(worker: Remote, batches: list[Pseudonymise]) -> None:
    for batch in batches:
        await worker.call("pseudonymise", operation(), batch)


@contextmanager
def process_pair(folder: Path) -> Iterator[None]:
    with process(FIRST, folder), process(SECOND, folder):
        yield


if __name__ == "__main__":
    main(measure)

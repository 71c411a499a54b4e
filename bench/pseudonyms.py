"""Pseudonyms: how many a second are computed, and how many with the ledger, beside a bare HMAC and bare insertions.

.venv/bin/python bench/pseudonyms.py [--rounds N] [--json]
"""

import hmac
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from harness import Figure, figure, main, rate

from nexus.kernel.database import Database, Recorded
from nexus.kernel.operation import PLATFORM
from nexus.kernel.secret import Secret
from nexus.pseudonyms import ledger
from nexus.pseudonyms.function import Linking, Pseudonymising, fresh_secret
from nexus.pseudonyms.identity import Nir, NirKey
from nexus.pseudonyms.notation import Domain

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from simulators.operations import operation
from simulators.recorder import MemoryRecorder

BATCH = 10_000
ENTRY = operation().allowed("pseudonyms.enter", PLATFORM)


def measure(rounds: int) -> Iterable[Figure]:
    linking, made = Linking([fresh_secret()]), Pseudonymising(Domain("EMC2", 1), fresh_secret())
    people = [Nir(f"{number:013d}", NirKey.ABSENT) for number in range(BATCH)]
    key, message = os.urandom(32), os.urandom(48)

    def computed() -> int:
        for person in people:
            made.pseudonym(linking.link(person))
        return BATCH

    def bare() -> int:
        for _ in range(BATCH):
            hmac.digest(key, message, "sha256")
        return BATCH

    bare_note = f"one HMAC-SHA-256 of the standard library: {sorted(rate(bare, rounds=rounds))[rounds // 2]:,.0f} /s"
    yield figure("pseudonyms, both levels", rate(computed, rounds=rounds), "/s", target="150 k/s", note=bare_note)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "linkage.db", key=Secret(b"k" * 32), recorder=MemoryRecorder())
        database.migrate([ledger.SCHEMA])

        def entered() -> int:
            links = [os.urandom(32) for _ in range(BATCH)]
            database.submit(lambda tx: Recorded(ledger.enter(tx, made, links), ENTRY)).result()
            return BATCH

        fresh = rate(entered, rounds=rounds)
        held = database.peek("SELECT count(*) FROM pseudonyms_ledger")
        database.close()
    assert held is not None
    note = f"each checked against {held[0]:,} others; encrypted, {BATCH:,} a durable commit"
    yield figure("pseudonyms, second level and ledger", fresh, "/s", target="50 k/s", note=note)


if __name__ == "__main__":
    main(measure)

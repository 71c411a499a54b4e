"""The two services as parts of a platform: entries for the log, copies for a backup, sealed, started anew. R-093."""

import pytest

from nexus.kernel import entries, outbox
from nexus.kernel.database import Database
from nexus.kernel.errors import Sealed
from nexus.kernel.secret import Secret
from nexus.kms.recorder import OutboxRecorder
from nexus.pseudonyms import ledger, second_level
from nexus.pseudonyms.callers import SECOND
from nexus.pseudonyms.messages import CopyTo, Entries, Forget, Nothing, OpenDomain
from nexus.pseudonyms.second_level import SecondLevel
from nexus.pseudonyms.wire import Remote
from simulators.machines import identity
from simulators.operations import operation
from simulators.pseudonym_levels import LevelKeys, process, running
from simulators.recorder import MemoryRecorder


async def test_entries_wait_for_the_log_in_order_and_are_forgotten_once_they_are_there(tmp_path):
    database = Database(tmp_path / "level.db", key=Secret(b"1" * 32), recorder=OutboxRecorder())  # a file, always
    database.migrate([*outbox.MIGRATIONS, *ledger.SCHEMAS, second_level.SCHEMA])
    level = SecondLevel(database, LevelKeys())
    for name in ("EMC2", "PRJA", "PRJB"):
        await level.open_domain(operation(), OpenDomain(name))
    waiting = (await level.entries(operation(), Entries(2))).entries
    assert [entries.decode(body).resource.id for *_, body in waiting] == ["EMC2", "PRJA"]
    assert (await level.entries_done(operation(), Forget(waiting[-1][0]))).count == 2
    (last,) = (await level.entries(operation(), Entries(9))).entries
    assert entries.decode(last[-1]).resource.id == "PRJB"
    await level.copy(operation(), CopyTo(str(tmp_path / "copy.db")))
    database.close()
    copied = Database(tmp_path / "copy.db", key=Secret(b"1" * 32), recorder=MemoryRecorder())
    with copied.read() as tx:
        assert tx.one("SELECT count(*) FROM pseudonyms_domain") == (3,)
    copied.close()
    assert b"SQLite" not in (tmp_path / "copy.db").read_bytes()[:16], "a copy is under the key of the level"


async def test_while_the_platform_is_sealed_no_secret_is_used_and_entries_still_leave():
    async with running(require=sealed) as levels:
        with pytest.raises(Sealed):
            await levels.client("api", SECOND).call("open_domain", operation(), OpenDomain("EMC2"))
        assert (await levels.client("worker", SECOND).call("entries", operation(), Entries(1))).entries == ()


def sealed():
    raise Sealed("sealed")


async def test_a_service_that_was_started_anew_is_reached_by_the_next_call(tmp_path):
    api = Remote(tmp_path / f"{SECOND}.sock", identity("api"), SECOND)
    with process(SECOND, tmp_path):
        await api.call("open_domain", operation(), OpenDomain("EMC2"))
    with process(SECOND, tmp_path):
        assert len((await api.call("statistics", operation(), Nothing())).domains) == 1
    await api.close()

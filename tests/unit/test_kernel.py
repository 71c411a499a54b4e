"""Ids sort by time, times survive the journey through text, secrets stay silent, the outbox keeps its order."""

import pickle
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.kernel import outbox
from nexus.kernel.clock import SystemClock, parse_rfc3339, rfc3339
from nexus.kernel.database import Bookkeeping, Database
from nexus.kernel.ids import is_id, new_id
from nexus.kernel.secret import Secret
from simulators.recorder import MemoryRecorder

MILLISECONDS = st.integers(min_value=0, max_value=(1 << 48) - 1)


@given(MILLISECONDS, MILLISECONDS)
def test_ids_sort_by_the_time_they_were_made(earlier, later):
    earlier, later = sorted((earlier, later))
    first, second = new_id("per", unix_ms=earlier), new_id("per", unix_ms=later)
    assert is_id(first, "per") and not is_id(first, "op")
    assert first[:14] <= second[:14]


def test_ids_of_one_process_sort_as_they_were_made():
    """Listings are ordered by id: two grants of one millisecond may not change places from run to run."""
    made = []
    for _ in range(500):
        made.append(new_id("per"))
        next_step = time.time_ns() + 500
        while time.time_ns() < next_step:
            pass
    assert made == sorted(made)


def test_a_million_ids_would_not_collide():
    assert len({new_id("op", unix_ms=0) for _ in range(20_000)}) == 20_000


@given(st.integers(min_value=0, max_value=4_102_444_800_000_000))
def test_times_survive_the_journey_through_text(instant):
    assert parse_rfc3339(rfc3339(instant)) == instant


def test_a_time_without_its_offset_is_refused():
    with pytest.raises(ValueError, match="offset"):
        parse_rfc3339("2026-11-23T04:18:01")


def test_the_system_clock_counts_microseconds():
    assert rfc3339(SystemClock().now()).startswith("20")


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{:>40}".format, lambda s: f"{[s]}"])
def test_a_secret_is_never_printed(show):
    assert "hunter2" not in show(Secret(b"hunter2"))


def test_a_secret_is_neither_pickled_nor_hashed_nor_kept_once_wiped():
    secret = Secret(b"hunter2")
    assert secret == Secret(b"hunter2") and secret != Secret(b"hunter3") and secret != b"hunter2"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        hash(secret)
    secret.wipe()
    with pytest.raises(ValueError, match="wiped"):
        secret.reveal()


async def test_the_outbox_gives_messages_in_order_until_they_are_acknowledged(tmp_path: Path):
    db = Database(tmp_path / "o.db", key=None, recorder=MemoryRecorder())
    db.migrate(outbox.MIGRATIONS)
    for n in range(3):
        await db.bookkeep(Bookkeeping.SHIPPED, lambda tx, n=n: outbox.post(tx, [(f"m{n}", "audit", b"{}")]))
    with db.read() as tx:
        waiting = outbox.pending(tx, limit=10)
    assert [message.id for message in waiting] == ["m0", "m1", "m2"]
    await db.bookkeep(Bookkeeping.SHIPPED, lambda tx: outbox.acknowledge(tx, waiting[1].position))
    with db.read() as tx:
        assert [message.id for message in outbox.pending(tx, limit=10)] == ["m2"]
    db.close()

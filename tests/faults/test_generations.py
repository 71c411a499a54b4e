"""What a process remembers is never older than what somebody was told of: several processes, killed at any moment."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random

import apsw
import pytest

from nexus.kernel.database import Bookkeeping, Database, Transaction
from nexus.kernel.engines.generation import Generation, place_of
from nexus.kernel.errors import NexusError
from simulators.remembering import MOVE, NAMES, READ, NoLog, Told, found, move, move_named, opened

CHANGES, KILLS, WAIT_S = 60, 3, 120


@contextlib.contextmanager
def program(folder: Path, what: str, name: str = "") -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "simulators.remembering", str(folder), what, *filter(None, [name])]
    here = Path(__file__).resolve().parent.parent
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), *filter(None, sys.path)])}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    process = subprocess.Popen(command, env=environment, text=True, **pipes)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(told: Told, version: int) -> None:
    """Wait for an acknowledgement."""
    deadline = time.monotonic() + WAIT_S
    while told.version() < version:
        assert time.monotonic() < deadline, f"{told.version()} of {version} changes"
        time.sleep(0.005)


def stale(reader: subprocess.Popen[str]) -> int:
    """How often a reader was served something stale; it must have read at all."""
    out, _ = reader.communicate("\n", timeout=WAIT_S)
    reads, wrong = map(int, out.split())
    assert reads > 0
    return wrong


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    made = opened(tmp_path)
    yield made
    made.close()


def begun(reader: subprocess.Popen[str]) -> None:
    """Wait until a reader remembers something."""
    assert reader.stdout is not None and reader.stdout.readline() == "begun\n"


@pytest.mark.parametrize("name", ["", "a"])
def test_nothing_stale_is_served_after_an_acknowledgement_though_writers_are_killed(db, tmp_path, name):
    told, random = Told(tmp_path), Random(5)
    with (
        program(tmp_path, "read", name) as one,
        program(tmp_path, "read", name) as two,
        program(tmp_path, "change", name),
    ):
        begun(one)
        begun(two)
        for _ in range(KILLS):
            before = told.version()
            with program(tmp_path, "change", name) as victim:
                until(told, before + CHANGES // KILLS)
                time.sleep(random.random() / 100)
                victim.send_signal(signal.SIGKILL)
                victim.wait()
        assert stale(one) == stale(two) == 0


@pytest.mark.parametrize("name", ["", "a"])
def test_a_writer_that_tells_nobody_is_found_out(db, tmp_path, name):
    """The negative control: the same reader sees it."""
    told = Told(tmp_path)
    with program(tmp_path, "read", name) as reader:
        begun(reader)
        with program(tmp_path, "change-silently", name):
            until(told, 10)
        assert stale(reader) > 0


async def test_who_dies_between_the_commit_and_the_telling_makes_it_slower_and_not_wrong(db, tmp_path):
    assert db.watched(READ) == (0,)
    with program(tmp_path, "die-in-between") as victim:
        assert victim.wait(timeout=WAIT_S) == -signal.SIGKILL
    number = memoryview((tmp_path / "t.db-generation").read_bytes()).cast("Q")[0]
    assert number % 2 == 1
    assert db.watched(READ) == (1,)  # it has committed, though nobody was told
    assert await db.bookkeep(Bookkeeping.PROGRESS, move) == 2
    assert memoryview((tmp_path / "t.db-generation").read_bytes()).cast("Q")[0] == number + 1
    assert db.watched(READ) == (2,)


async def test_who_dies_while_it_changes_one_name_leaves_the_others_remembered(db, tmp_path):
    place = {name: place_of(name.encode()) for name in NAMES}
    numbers = db.engine._shared()
    assert [found(db, name) for name in NAMES] == [(0,), (0,)]
    with program(tmp_path, "die-in-between", "a") as victim:
        assert victim.wait(timeout=WAIT_S) == -signal.SIGKILL
    assert (numbers.now(place["a"]) % 2, numbers.now(place["b"])) == (1, 0)
    assert [found(db, name) for name in NAMES] == [(1,), (0,)]
    for name, version in (("b", 1), ("a", 2)):  # the other first: it takes the number that the dead one had begun
        assert await db.bookkeep(Bookkeeping.PROGRESS, partial(move_named, name=name)) == version
        assert found(db, name) == (version,)
    assert numbers.now(place["a"]) > numbers.now(place["b"]) > 0
    assert [numbers.now(each) % 2 for each in place.values()] == [0, 0]


def test_a_file_of_an_earlier_version_is_extended_and_its_number_goes_on(tmp_path):
    (tmp_path / "g").write_bytes((1_234).to_bytes(8, sys.byteorder))
    made = Generation(tmp_path / "g")
    assert made.now() == 1_234
    made.opens()
    made.closes()
    assert made.now() == 1_236
    made.close()


async def test_what_was_read_in_an_older_snapshot_is_not_remembered(db):
    with db.read() as tx:
        assert tx.one(READ) == (0,)
        assert db.bookkeep_later(Bookkeeping.PROGRESS, move).result() == 1
        assert db.watched(READ) == (0,)  # the snapshot's
    assert db.watched(READ) == (1,)


async def test_a_change_that_comes_to_nothing_leaves_what_is_remembered_right(db):
    def fails(tx):
        tx.execute(MOVE)
        raise ValueError("no")

    assert db.watched(READ) == (0,)
    with pytest.raises(ValueError, match="no"):
        await db.bookkeep(Bookkeeping.PROGRESS, fails)
    assert db.watched(READ) == (0,)
    assert await db.bookkeep(Bookkeeping.PROGRESS, move) == 1
    assert db.watched(READ) == (1,)


async def test_a_commit_that_fails_lets_others_go_on(db, tmp_path):
    """Whoever could not commit gives the file back, and nobody believes what was not committed."""
    other = Database(tmp_path / "t.db", recorder=NoLog())

    def breaks_at_the_end(tx: Transaction) -> None:
        tx.execute(MOVE)
        tx.execute("CREATE TABLE p (id INTEGER PRIMARY KEY) STRICT")
        tx.execute("CREATE TABLE c (p INTEGER REFERENCES p (id) DEFERRABLE INITIALLY DEFERRED) STRICT")
        tx.execute("INSERT INTO c VALUES (7)")

    with pytest.raises(NexusError):
        await db.bookkeep(Bookkeeping.PROGRESS, breaks_at_the_end)
    assert db.watched(READ) == other.watched(READ) == (0,)
    assert await other.bookkeep(Bookkeeping.PROGRESS, move) == 1
    assert db.watched(READ) == other.watched(READ) == (1,)
    other.close()


def test_a_number_is_even_once_somebody_opens_the_file(tmp_path):
    """A writer was killed, and the platform starts again: nobody is in between, and what was is never said again."""
    first = Generation(tmp_path / "g")
    first.opens()
    odd = first.now()
    first.close()
    second = Generation(tmp_path / "g")
    assert (odd, second.now()) == (1, 2)
    second.close()


def test_nobody_moves_what_others_remember_past_them(db, tmp_path):
    """A connection that does not know of the file cannot make such a change: the trigger fails."""
    foreign = apsw.Connection(str(tmp_path / "t.db"))
    with pytest.raises(apsw.SQLError, match="kernel_moved"):
        foreign.execute(MOVE)
    foreign.close()

"""`kill -9` at random moments: what was acknowledged is there and equal, what was not is there whole or not at all.

A real process with concurrent writers and the real audit log. NEXUS_CRASH_RUNS kills more often (default 15).
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus.audit.opening import EntryOpener
from nexus.audit.store import read_head
from nexus.kernel.errors import NotFound
from nexus.objects.errors import IsDeleteMarker
from nexus.objects.model import MIN_PART_BYTES
from simulators.object_store import Store
from simulators.store_writer import PRIVATE_KEY, content, open_store

RUNS = int(os.environ.get("NEXUS_CRASH_RUNS", "15"))
LIFE_S = (0.02, 0.35)
"""Shortest and longest life; many end in the middle of the first commits, or of the recovery from the last crash."""


class Victim:
    """The writing process, and how to end it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._process = subprocess.Popen(
            [sys.executable, "-m", "simulators.store_writer", str(root)],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live_and_die(self, run: int, seconds: float) -> list[dict]:
        """One life; returns what its journal holds."""
        journal = self.root / f"journal-{run}"
        self._say(f"{run} {journal}")
        child = int(self._hear())
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        assert self._hear() == "over"
        return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _say(self, line: str) -> None:
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _hear(self) -> str:
        return self._process.stdout.readline().strip()


class Believed:
    """What the journals say must be there: for each key one or (after a crash) two possible states, and versions."""

    def __init__(self) -> None:
        self.states: dict[tuple[str, str], list[dict | None]] = defaultdict(lambda: [None])
        self.versions: list[dict] = []
        self.acknowledged = 0

    def learn(self, journal: list[dict]) -> None:
        asked: dict[tuple[str, str], dict] = {}
        for line in journal:
            where = (line["bucket"], line["key"])
            if line["state"] == "asked":
                asked[where] = line
                continue
            del asked[where]
            self.acknowledged += 1
            self.states[where] = [line]
            if line["version"] and line["how"] != "delete":
                self.versions.append(line)
        for where, line in asked.items():
            self.states[where] = [*self.states[where], line]


def expected(line: dict) -> bytes:
    padding = bytes(MIN_PART_BYTES) if line["how"] == "parts" else b""
    return padding + content(line["stamp"], line["size"])


async def found(store: Store, bucket: str, key: str, version: str | None = None) -> bytes | None:
    try:
        return await store.get(store.objects.buckets.find(bucket), key, version_id=version)
    except (NotFound, IsDeleteMarker):
        return None


async def settle(store: Store, believed: Believed, where: tuple[str, str]) -> None:
    """The key is in one of the states that it may be in; from now on in that one only."""
    body = await found(store, *where)
    possible = {
        (None if line is None or line["how"] == "delete" else expected(line)): line for line in believed.states[where]
    }
    assert body in possible, f"{where} holds what nobody wrote last: {len(body or b'')} bytes"
    believed.states[where] = [possible[body]]


def log_matches(store: Store) -> None:
    """Every version in the rows has exactly one entry that wrote it; every entry that wrote one has, or had, its row."""
    with store.database.read() as tx:
        size = read_head(tx).size
        rows = {id_ for (id_,) in tx.all("SELECT id FROM objects_version WHERE marker = 0")}
    entries = list(EntryOpener(PRIVATE_KEY).rows(store.database, 0, size))
    assert [row.index for row in entries] == list(range(size))
    contents = [row.entry.content() for row in entries]
    changes = [entry for entry in contents if entry.action in ("objects.object.write", "objects.upload.write")]
    written = [entry.details["version"] for entry in changes if "version" in entry.details]
    assert len(written) == len(set(written))
    assert rows <= set(written)


@pytest.fixture
def victim(tmp_path) -> Iterator[Victim]:
    made = Victim(tmp_path)
    yield made
    made.close()


async def test_nothing_acknowledged_is_lost_and_nothing_half_appears(victim):
    dice, believed = random.Random(), Believed()
    for run in range(RUNS):
        journal = victim.live_and_die(run, dice.uniform(*LIFE_S))
        believed.learn(journal)
        touched = {(line["bucket"], line["key"]) for line in journal}
        store = open_store(victim.root)
        try:
            for where in touched:
                await settle(store, believed, where)
        finally:
            store.close()
    store = open_store(victim.root)
    try:
        assert believed.acknowledged > RUNS, "the writers came to write"
        for where in list(believed.states):
            await settle(store, believed, where)
        for line in believed.versions:
            assert await found(store, line["bucket"], line["key"], line["version"]) == expected(line)
        log_matches(store)
        await sweep_leaves_what_rows_know(store)
    finally:
        store.close()


async def sweep_leaves_what_rows_know(store: Store) -> None:
    for path in store.files():
        os.utime(path, (0, 0))
    with store.database.read() as tx:
        known = {id_ for (id_,) in tx.all("SELECT id FROM objects_blob WHERE dropped_at IS NULL")}
    store.clock.advance(10**12)
    await store.objects.upkeep.sweep(store.op)
    assert {path.name for path in store.files()} == known

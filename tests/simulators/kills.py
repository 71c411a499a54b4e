"""Kills a process that writes to an object store (`store_writer`), over and over, and looks what is there afterwards."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from simulators.believing import Believed, everything_is_as_believed, settle
from simulators.store_writer import open_store

LIFE_S = (0.02, 0.35)
"""Shortest and longest life; many end in the middle of the first commits, or of the recovery from the last crash."""
BUSY_WAIT_S = 30
"""Longest time until a life has begun to write, on a machine that others share."""
VERSIONS_KEPT = 3_000
"""With more of them to look at, all is looked at, and a new store is begun."""


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

    def live_and_die(self, run: int, seconds: float, *, busy: bool) -> list[dict]:
        """One life; returns what its journal holds. `busy`: its time counts from its first change on."""
        journal = self.root / f"journal-{run}"
        self._say(f"{run} {journal}")
        child = int(self._hear())
        deadline = time.monotonic() + BUSY_WAIT_S
        while busy and time.monotonic() < deadline and not _has_begun(journal):
            time.sleep(0.01)
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


def _has_begun(journal: Path) -> bool:
    return journal.exists() and '"done"' in journal.read_text()


async def kill_often(folder: Path, runs: int, dice: random.Random, told: Callable[[int], None] = lambda _: None) -> int:
    """`runs` lives and deaths; returns how many changes were acknowledged. Raises AssertionError if one is not there."""
    acknowledged, run, store_number = 0, 0, 0
    while run < runs:
        root = folder / f"store-{store_number}"
        root.mkdir()
        victim, believed = Victim(root), Believed()
        try:
            while run < runs and len(believed.versions) < VERSIONS_KEPT:
                journal = victim.live_and_die(run, dice.uniform(*LIFE_S), busy=run % 2 == 0)
                believed.learn(journal)
                await _touched_is_as_believed(root, believed, journal)
                run += 1
                told(run)
        finally:
            victim.close()
        store = open_store(root)
        try:
            await everything_is_as_believed(store, believed)
        finally:
            store.close()
        acknowledged += believed.acknowledged
        store_number += 1
    return acknowledged


async def _touched_is_as_believed(root: Path, believed: Believed, journal: list[dict]) -> None:
    store = open_store(root)
    try:
        for where in {(line["bucket"], line["key"]) for line in journal}:
            await settle(store, believed, where)
    finally:
        store.close()

"""Cuts the power of a store that twelve writers write to, over and over, and looks what is there afterwards.

`python -m simulators.power_cuts DIRECTORY CUTS SEED [lying]` prints one JSON document: how many states were examined, how many
changes had been acknowledged, and what was wrong with which of them. With `lying`, the disk only says that it has synced.

Each life of the store sees several cuts, from before the database is opened; the next life goes on from one of the states that
a cut has left, so that recoveries are cut as well.
"""

import asyncio
import json
import random
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from simulators.believing import Believed, everything_is_as_believed
from simulators.power_cut import Disk, RecordedBlobs, Recording
from simulators.store_writer import live, open_store

CUTS_A_LIFE = 12
PAUSE_S = (0.0, 0.05)
"""Between two cuts of one life."""
BUSY_WAIT_S = 30
"""Longest time until a life has begun to write, on a machine that others share."""
STARTS_ANEW = 0.25
"""How likely a life begins with an empty disk: versions are only ever added, and each is looked at."""


class Lines:
    """A journal in memory."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.has_begun = False

    def note(self, state: str, bucket: str, key: str, **facts: object) -> None:
        self.lines.append({"state": state, "bucket": bucket, "key": key, **facts})
        self.has_begun = self.has_begun or state == "done"


def cut(disk: Disk, journal: Lines, into: Path, dice: random.Random) -> list[dict[str, Any]]:
    """A state, and what is known of it: what was acknowledged before it, and what was asked for before its end."""
    acknowledged = len(journal.lines)
    disk.image(into, dice)
    later = [line for line in journal.lines[acknowledged:] if line["state"] == "asked"]
    return [*journal.lines[:acknowledged], *later]


def cut_often(disk: Disk, journal: Lines, folder: Path, cuts: int, dice: random.Random) -> list[list[dict[str, Any]]]:
    """The first third begin before the database is open, the others once something was acknowledged."""
    known = []
    for number in range(cuts):
        deadline = time.monotonic() + BUSY_WAIT_S
        while number >= cuts // 3 and not journal.has_begun and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(dice.uniform(*PAUSE_S))
        known.append(cut(disk, journal, folder / f"after-{number}", dice))
    return known


async def one_life(
    recording: Recording, root: Path, folder: Path, cuts: int, *, dice: random.Random, honest: bool
) -> list[list[dict[str, Any]]]:
    """Write, and be cut; returns what is known of each state in `folder`."""
    disk, journal, engine = Disk(root, honest=honest), Lines(), None
    recording.disk = disk
    cutting = asyncio.create_task(asyncio.to_thread(cut_often, disk, journal, folder, cuts, dice))
    await asyncio.sleep(0)
    engine = RecordedBlobs(root / "blobs", disk)
    store = open_store(root, engine)
    writing = asyncio.create_task(live(store, str(dice.random()), journal))
    try:
        done, _ = await asyncio.wait({cutting, writing}, return_when=asyncio.FIRST_COMPLETED)
        if writing in done:
            writing.result()
        return await cutting
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        store.close()
        recording.disk = None


async def examine(root: Path, believed: Believed) -> str:
    """What is wrong with a state; empty if nothing is."""
    try:
        store = open_store(root)
        try:
            await everything_is_as_believed(store, believed)
        finally:
            store.close()
    except Exception as error:  # whatever a damaged store raises
        return f"{type(error).__name__}: {error}"[:300]
    return ""


async def run(base: Path, cuts: int, seed: str, *, honest: bool) -> dict[str, Any]:
    dice, recording = random.Random(seed), Recording()
    examined, acknowledged, wrong, lives = 0, 0, [], 0
    root, believed = base / "empty", Believed()
    root.mkdir(parents=True)
    while examined < cuts:
        folder = base / f"life-{lives}"
        folder.mkdir()
        number = min(CUTS_A_LIFE, cuts - examined)
        known = await one_life(recording, root, folder, number, dice=dice, honest=honest)
        states = []
        for at, journal in enumerate(known):
            belief = believed.copy()
            belief.learn(journal)
            fault = await examine(folder / f"after-{at}", belief)
            if fault:
                wrong.append({"life": lives, "cut": at, "what": fault})
            else:
                states.append((folder / f"after-{at}", belief))
            acknowledged += belief.acknowledged - believed.acknowledged
        examined += len(known)
        lives += 1
        if not states or dice.random() < STARTS_ANEW:
            root, believed = base / f"empty-{lives}", Believed()
            root.mkdir()
        else:
            chosen, believed = dice.choice(states)
            root = chosen.rename(base / f"goes-on-{lives}")
        shutil.rmtree(folder)
        print(f"{examined} of {cuts} states, {len(wrong)} wrong", file=sys.stderr, flush=True)
    return {"states": examined, "lives": lives, "acknowledged": acknowledged, "wrong": wrong}


if __name__ == "__main__":
    directory, cuts_, seed_, *lying = sys.argv[1:]
    print(json.dumps(asyncio.run(run(Path(directory), int(cuts_), seed_, honest=not lying))))

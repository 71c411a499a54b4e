"""Lets readers and patients live and die over one data directory, and judges what they did: by the log, and by the clock."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nexus.audit.opening import EntryOpener
from nexus.audit.payload import Opened
from nexus.audit.store import read_head
from simulators.withdrawing import PRIVATE_KEY, open_store

LIFE_S = (0.5, 3.0)
"""Shortest and longest life of a process that is killed."""
_GIVES = {"consent.own.decide": True, "consent.own.lift-objection": True}
_TAKES = {"consent.own.withdraw": False, "consent.own.object": False}
_NEVER = 1 << 62


@dataclass
class Judgement:
    """What was found. A violation is a read that was served though it must not be."""

    reads: int = 0
    served: int = 0
    withdrawals: int = 0
    kills: int = 0
    after_withdrawal_in_the_log: int = 0
    """Reads whose entry stands after the withdrawal, and before a new permission."""
    after_the_acknowledgement: int = 0
    """Reads that began after a withdrawal was acknowledged, and before a new permission was asked for."""
    unrecorded: int = 0
    """Reads that were served without an entry."""
    refused_for_nothing: int = 0
    """Reads that were refused while nothing could have refused them."""
    withdrawing: list[float] = field(default_factory=list)
    """Seconds from a withdrawal to its acknowledgement: from then on every worker sees it."""
    still_served: list[float] = field(default_factory=list)
    """Seconds from a withdrawal to the beginning of the last read that it was too late for."""
    committing: list[float] = field(default_factory=list)
    """Seconds that a bare commit of an entry took, beside it."""

    @property
    def violations(self) -> int:
        return self.after_withdrawal_in_the_log + self.after_the_acknowledgement + self.unrecorded


class House:
    """Processes over one directory."""

    def __init__(self, root: Path, seed: int) -> None:
        self.root = root
        self.kills = 0
        self._dice = random.Random(seed)
        self._number = 0
        self._ends: dict[int, tuple[float, str]] = {}
        self._nursery = subprocess.Popen(
            [sys.executable, "-m", "simulators.withdrawing", str(root)],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live(self, roles: Sequence[str], reads: int, *, most_s: float) -> None:
        """Let these roles live until so many reads were written down; whoever's time is over is killed, and born again."""
        for role in roles:
            self._bear(role)
        deadline = time.monotonic() + most_s
        while self.count() < reads and time.monotonic() < deadline:
            time.sleep(0.1)
            for pid in [pid for pid, (ends, _) in self._ends.items() if ends < time.monotonic()]:
                role = self._kill(pid)
                self.kills += 1
                self._bear(role)
        for pid in list(self._ends):
            self._kill(pid)

    def count(self) -> int:
        """About how many reads there are so far."""
        return sum(path.stat().st_size for path in self.root.glob("journal-*-*") if "patients" not in path.name) // 120

    def close(self) -> None:
        self._nursery.stdin.close()
        self._nursery.wait(10)
        self._nursery.stdout.close()

    def _bear(self, role: str) -> None:
        self._number += 1
        journal = self.root / f"journal-{role}-{self._number}"
        self._nursery.stdin.write(f"{role} {self._dice.random()} {journal}\n")
        self._nursery.stdin.flush()
        pid = int(self._nursery.stdout.readline())
        self._ends[pid] = time.monotonic() + self._dice.uniform(*LIFE_S), role

    def _kill(self, pid: int) -> str:
        os.kill(pid, signal.SIGKILL)
        return self._ends.pop(pid)[1]


def judge(root: Path, kills: int = 0) -> Judgement:
    """Look at the log and at every journal."""
    found = Judgement(kills=kills)
    lines = [line for path in sorted(root.glob("journal-*")) for line in _lines(path)]
    reads = [line for line in lines if line[0] == "read"]
    found.reads, found.served = len(reads), sum(line[4] for line in reads)
    found.committing = [(ended - began) / 1e9 for kind, began, ended in (x for x in lines if x[0] == "commit")]
    acts = _acts(lines)
    recorded = _judge_by_the_log(root, found)
    found.unrecorded = sum(1 for line in reads if line[4] and line[5] not in recorded)
    _judge_by_the_clock(found, reads, acts)
    return found


def _lines(path: Path) -> Iterator[list]:
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue  # the last word of somebody who was killed


def _judge_by_the_log(root: Path, found: Judgement) -> set[str]:
    """Go through the log in its order; returns the operations that read."""
    store = open_store(root)
    try:
        with store.database.read() as tx:
            size = read_head(tx).size
        allowed: dict[str, bool] = {}
        recorded: set[str] = set()
        for row in EntryOpener(PRIVATE_KEY).rows(store.database, 0, size):
            assert isinstance(row.entry, Opened)
            content = row.entry.content()
            change = {**_GIVES, **_TAKES}.get(content.action)
            if change is not None and content.outcome == "allowed":
                found.withdrawals += not change
                allowed[content.subject or ""] = change
            elif content.action == "objects.object.read" and content.outcome == "allowed":
                recorded.add(content.operation)
                found.after_withdrawal_in_the_log += not allowed.get(content.subject or "", False)
        return recorded
    finally:
        store.close()


@dataclass
class _Act:
    withdraws: bool
    began: int
    ended: int
    """When it was acknowledged; never, if whoever asked was killed."""


def _acts(lines: Sequence[list]) -> dict[str, list[_Act]]:
    """What each patient did, in order."""
    acts: dict[str, dict[int, _Act]] = defaultdict(dict)
    for line in lines:
        if line[0] == "asked":
            acts[line[1]].setdefault(line[3], _Act(line[2] == "withdraw", line[3], _NEVER))
        elif line[0] == "done":
            acts[line[1]][line[3]] = _Act(line[2] == "withdraw", line[3], line[4])
    return {subject: [known[began] for began in sorted(known)] for subject, known in acts.items()}


def _judge_by_the_clock(found: Judgement, reads: Sequence[list], acts: dict[str, list[_Act]]) -> None:
    served: dict[str, list[int]] = defaultdict(list)
    for _, subject, began, ended, was_served, _ in reads:
        history = acts.get(subject, [])
        if was_served:
            served[subject].append(began)
            before = [act for act in history if act.began < ended]
            if before and before[-1].withdraws and before[-1].ended < began:
                found.after_the_acknowledgement += 1
        elif not _could_be_refused(history, began, ended):
            found.refused_for_nothing += 1
    for subject, history in acts.items():
        times = sorted(served[subject])
        for act in history:
            if act.withdraws and act.ended != _NEVER:
                found.withdrawing.append((act.ended - act.began) / 1e9)
                at = bisect_left(times, act.ended) - 1
                if at >= 0 and times[at] >= act.began:
                    found.still_served.append((times[at] - act.began) / 1e9)


def _could_be_refused(history: Sequence[_Act], began: int, ended: int) -> bool:
    """Whether the patient may have been unwilling at some moment of the read."""
    unwilling_since: int | None = None
    for act in history:
        if act.began > ended:
            break
        if act.withdraws:
            unwilling_since = act.began if unwilling_since is None else unwilling_since
        elif unwilling_since is not None and act.ended < began:
            unwilling_since = None
    return unwilling_since is not None

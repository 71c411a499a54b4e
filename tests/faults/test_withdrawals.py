"""After a withdrawal is acknowledged nobody is served any more: several processes, killed and born again, disks that refuse.

`bench/withdrawal.py` runs 100,000 reads; NEXUS_WITHDRAWAL_READS runs more here.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from simulators.withdrawals import House, Judgement, judge
from simulators.withdrawing import prepare

READS = int(os.environ.get("NEXUS_WITHDRAWAL_READS", "1000"))
CONTROL = 1_000
"""Reads of the negative control: far fewer find it out."""
ATTEMPTS = 4
MOST_S = 60.0


async def live(root: Path, roles: Sequence[str], reads: int) -> Judgement:
    root.mkdir(exist_ok=True)
    await prepare(root)
    house = House(root, seed=len(roles))
    try:
        house.live(roles, reads, most_s=MOST_S)
    finally:
        house.close()
    return judge(root, house.kills)


async def test_no_read_is_served_after_the_withdrawal_whoever_is_killed(tmp_path):
    found = await live(tmp_path, ("reader", "reader", "door", "patients"), READS)
    assert (found.violations, found.refused_for_nothing) == (0, 0)
    assert found.reads >= READS / 2
    assert found.withdrawals > 10
    assert 0 < found.served < found.reads


@pytest.mark.parametrize("broken", ["forgetful", "outside"])
async def test_the_harness_finds_readers_that_ask_too_early_or_believe_too_long(tmp_path, broken):
    """What they do wrong shows only where a withdrawal comes in between: a quiet machine needs more reads for it."""
    for attempt in range(1, ATTEMPTS + 1):
        found = await live(tmp_path / str(attempt), (broken, broken, "patients"), CONTROL * attempt)
        if found.after_withdrawal_in_the_log > 0:
            return
    raise AssertionError("the harness found nothing")

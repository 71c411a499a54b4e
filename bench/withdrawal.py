"""Consent in the data path: 100,000 reads and withdrawals interleaved over several processes that are killed all the time.

Two readers, an S3 door and two patients who keep changing their minds live over one data directory; all of them are killed and born
again, and disks refuse. It counts reads that were served though they must not be, by the log and by the clock, beside the same
with readers that believe for 50 ms what they heard (they must be found out). What asking costs a read is measured by asking.py,
how soon a withdrawal is seen where nobody is killed by seeing.py.

NEXUS_WITHDRAWAL_READS changes the number of reads.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from harness import Figure, main, percentile

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from simulators.withdrawals import House, Judgement, judge
from simulators.withdrawing import prepare

READS = int(os.environ.get("NEXUS_WITHDRAWAL_READS", "100000"))
CONTROL = 2_000
MOST_S = 1_800.0


def interleaved(reads: int, roles: tuple[str, ...]) -> Judgement:
    with tempfile.TemporaryDirectory(dir=Path(__file__).parent) as folder:
        root = Path(folder)
        asyncio.run(prepare(root))
        house = House(root, seed=reads)
        try:
            house.live(roles, reads, most_s=MOST_S)
        finally:
            house.close()
        return judge(root, house.kills)


def proof() -> Iterable[Figure]:
    found = interleaved(READS, ("reader", "reader", "door", "patients"))
    control = interleaved(CONTROL, ("forgetful", "forgetful", "patients"))
    yield Figure("reads and withdrawals, interleaved", found.reads + found.withdrawals, "", target="100,000")
    yield Figure("of them withdrawals", found.withdrawals, "")
    yield Figure("processes killed meanwhile", found.kills, "")
    yield Figure("reads served", found.served, "")
    yield Figure("served after the withdrawal, by the log", found.after_withdrawal_in_the_log, "", target="0")
    yield Figure("served after its acknowledgement, by the clock", found.after_the_acknowledgement, "", target="0")
    yield Figure("served without an entry", found.unrecorded, "", target="0")
    yield Figure("refused though nothing refused it", found.refused_for_nothing, "", target="0")
    yield Figure("negative control: served after the withdrawal", control.violations, "", target="more than 0")
    for what, samples in (
        ("from a withdrawal until every worker sees it, restarts included", found.withdrawing),
        ("from a withdrawal to the last read still served, restarts included", found.still_served),
        ("a bare commit beside it, restarts included", found.committing),
    ):
        for percent in (50, 99):
            yield Figure(f"{what}, p{percent}", percentile(samples, percent) * 1e3, "ms")


def measure(rounds: int) -> Iterable[Figure]:
    """`rounds` changes nothing: one run is as long as it is."""
    yield from proof()


if __name__ == "__main__":
    main(measure)

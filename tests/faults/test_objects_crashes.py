"""`kill -9` at random moments: what was acknowledged is there and equal, what was not is there whole or not at all.

A real process with concurrent writers and the real audit log. NEXUS_CRASH_RUNS kills more often (default 15);
`tests/faults/crashes.py` does it a thousand times, and writes down what came of it.
"""

import os
import random

from simulators.kills import kill_often

RUNS = int(os.environ.get("NEXUS_CRASH_RUNS", "15"))


async def test_nothing_acknowledged_is_lost_and_nothing_half_appears(tmp_path):
    acknowledged = await kill_often(tmp_path, RUNS, random.Random())
    assert acknowledged > RUNS, "the writers came to write"

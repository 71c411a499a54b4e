"""A process of a platform that has none of a platform's work: it becomes ready, then does what its name says.

`python -m simulators.process NAME` with a handoff on standard input, like `nexus.app.processes`:
`steady` stays, `refuses` says why it does not start, `silent` dies without a word, `mortal` dies soon after it is ready,
`stubborn` ignores SIGTERM, `telling` shows what it was handed.
"""

import asyncio
import os
import signal
import sys

from nexus.app.handoff import Handoff
from nexus.app.processes import life
from nexus.app.processes.life import Life
from nexus.kernel.errors import Conflict

MORTAL_LIFE_S = 0.1


async def main(given: Handoff, life: Life) -> None:
    match given.process:
        case "silent":
            os._exit(7)
        case "refuses":
            raise Conflict("not today", code="simulated.refusal", hint="come tomorrow")
        case "stubborn":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            life.ready()
            await asyncio.sleep(3_600)
        case "mortal":
            life.ready()
            await asyncio.sleep(MORTAL_LIFE_S)
            os._exit(9)
        case _:
            life.ready()
            await life.stop.wait()


if __name__ == "__main__":
    sys.exit(life.run(main))

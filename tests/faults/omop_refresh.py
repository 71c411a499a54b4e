"""A process that refreshes a conversion, and kills itself at a step or is killed: `omop_refresh.py FOLDER INTO ATHENA STEP [SOURCE]`."""

import os
import signal
import sys
from pathlib import Path

from nexus.warehouse.omop.vocabulary import Given
from simulators.conversions import refresh


def main(folder: str, into: str, athena: str, step: str, source: str = "synthea") -> None:
    """`step`: a number of steps or the name of one, before which it dies; empty for none."""
    seen = 0

    def die(name: str, done: int, total: int) -> None:
        nonlocal seen
        seen += 1
        if step in (name, str(seen)):
            os.kill(os.getpid(), signal.SIGKILL)

    given = Given(Path(athena)) if athena else Given()
    refresh(source, Path(folder), Path(into), given=given, progress=die)


if __name__ == "__main__":
    main(*sys.argv[1:])

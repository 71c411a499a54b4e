"""A process that applies changes to a conversion, and kills itself while they are accumulated: `omop_changes.py FOLDER INTO NUMBER`."""

import os
import signal
import sys
from pathlib import Path

from simulators.conversions import refresh

PLACES = {"os.link": 1, "os.rename": 0, "open": 0, "os.mkdir": 0}
"""What changes a folder, and which of its arguments says where."""


def main(folder: str, into: str, number: str) -> None:
    """It dies before it touches, for the `number`th time, the folder of whole deliveries that changes make."""
    seen = 0

    def die(event: str, told: tuple) -> None:
        nonlocal seen
        place = told[PLACES[event]] if event in PLACES else ""
        if isinstance(place, (str, Path)) and "/accumulated/" in str(place):
            seen += 1
            if seen == int(number):
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(die)
    refresh("synthea", Path(folder), Path(into), changes=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

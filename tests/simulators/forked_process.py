"""A fork server for the processes of `simulators.process`. `threaded` is a name whose import starts a thread."""

import sys
import threading

from nexus.app.forking import server
from nexus.app.processes import life
from simulators import process


def load(name: str) -> None:
    """Nothing further is imported, whatever the name."""
    if name == "threaded":
        threading.Thread(target=threading.Event().wait, daemon=True).start()


if __name__ == "__main__":
    process.draws()  # whoever draws now, and does not notice the fork, draws the same again in each process
    forked = server.serve(sys.argv[1:], load, lambda name: f"simulated {name}")
    sys.exit(0 if forked is None else life.run(process.main))

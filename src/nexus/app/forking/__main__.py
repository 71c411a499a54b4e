"""`python -m nexus.app.forking NAME...`: the fork server of these processes, and then each of them. The supervisor is its only caller."""

import sys

from nexus.app.children import PROCESSES
from nexus.app.forking import server
from nexus.app.processes import life
from nexus.app.processes.__main__ import load


def main() -> int:
    """Fork until the supervisor is gone; in a process that was forked: run it to its end."""
    name = server.serve(sys.argv[1:], load, _title)
    return 0 if name is None else life.run(load(name).main)


def _title(name: str) -> str:
    """As if it had been started by exec."""
    return f"{sys.executable} -P -m {PROCESSES} {name}"


if __name__ == "__main__":
    sys.exit(main())

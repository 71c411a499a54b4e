"""`python -m nexus.app.processes NAME`: one process of the platform. The supervisor is its only caller."""

import sys
from importlib import import_module
from types import ModuleType

NAMES = (
    "kms",
    "s3",
    "api",
    "console",
    "portal",
    "bastion",
    "worker",
    "pseudonyms-first",
    "pseudonyms-second",
    "warehouse",
    "sftp",
)


def main() -> int:
    """Run the process that the first argument names."""
    from nexus.app.processes import life

    if len(sys.argv) != 2 or sys.argv[1] not in NAMES:
        sys.stderr.write(f"usage: python -m nexus.app.processes {{{'|'.join(NAMES)}}}\n")
        return 2
    return life.run(load(sys.argv[1]).main)


def load(name: str) -> ModuleType:
    """The module of a process, with what it imports."""
    # httpx imports a command line of its own wherever the libraries of one are installed: 5 MiB that no process needs.
    # An empty module in its place is, for httpx, one that was not installed.
    sys.modules.setdefault("httpx._main", ModuleType("httpx._main"))
    return import_module(f"nexus.app.processes.{name.replace('-', '_')}")


if __name__ == "__main__":
    sys.exit(main())

"""`python -m nexus.app.processes NAME`: one process of the platform. The supervisor is its only caller."""

import sys
from importlib import import_module

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
    return life.run(import_module(f"nexus.app.processes.{sys.argv[1].replace('-', '_')}").main)


if __name__ == "__main__":
    sys.exit(main())

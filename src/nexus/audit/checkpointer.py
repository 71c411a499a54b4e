"""Publishes the log: signs its head, has it witnessed, and writes the static files. Run by the worker."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nexus.audit.ports import Signer
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database


@dataclass(frozen=True, slots=True)
class Published:
    """A checkpoint on disk. `failures`: witness name -> why it did not cosign."""

    size: int
    root: bytes
    note: str
    witnessed: bool
    failures: dict[str, str]


class Checkpointer:
    """One at a time on a data directory (a lock file makes sure)."""

    def __init__(self, db: Database, signers: Sequence[Signer], directory: Path, *, clock: Clock | None = None) -> None:
        """`signers`: all keys of the log, with the origin as their name. `directory`: `<data>/log`."""

    async def start(self) -> tuple[str, ...]:
        """Compare the database with the checkpoint on disk and with what each witness remembers.

        Returns the names of the witnesses that did not answer. Raises Damaged where the log was truncated, rolled
        back or forked: the platform must not go on.
        """
        raise NotImplementedError

    async def publish(self) -> Published | None:
        """Publish the head, if there is one and it is new or not yet witnessed. Raises Damaged as `start` does."""
        raise NotImplementedError

"""What releases need from others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.kernel.operation import Operation
from nexus.projects.model import Scope


@dataclass(frozen=True, slots=True)
class Permitted:
    """What a project may read at a moment. `permit`: id of the decision; `purpose`: what its members read for."""

    permit: str
    scope: Scope
    until: Instant
    purpose: str


class Projects(Protocol):
    """Who was permitted what. Asked at the moment of use, in the caller's transaction."""

    def ready(self, tx: Transaction, project: str, at: Instant) -> Permitted:
        """What holds now. Raises NotFound, Conflict `projects.not-ready` that names every lack."""

    def exists(self, tx: Transaction, project: str) -> bool:
        """Whether there is such a project."""


class Placing(Protocol):
    """Under which key a new bucket is."""

    async def key_for(self, site: str, project: str) -> str:
        """Id of the key that wraps the key of a new bucket."""


class Standing(Protocol):
    """What every process remembers of who may read."""

    def renew(self, tx: Transaction) -> None:
        """Have it asked anew, from this commit on."""


class Shown(Protocol):
    """What everybody may know of releases."""

    def leave(self, tx: Transaction, op: Operation, release: str) -> str:
        """Nobody sees it there any more, from this transaction on; the name that it had, or nothing."""


class Keys(Protocol):
    """Keys of buckets."""

    def destroy(self, tx: Transaction, op: Operation, bucket: str) -> Mapping[str, str | int]:
        """Destroy the key that everything in a bucket is under, in this transaction; what stands in the certificate about it.

        Nothing where there is no such bucket.
        """

"""What identity needs from the other services: small promises that `app` keeps."""

from dataclasses import dataclass
from typing import Protocol

from nexus.kernel.clock import Instant
from nexus.kernel.operation import Resource


@dataclass(frozen=True, slots=True)
class PastDecision:
    """A decision as the audit log tells it. `rules`: the ids of the policies that forbade it."""

    operation: str
    at: Instant
    actor: str
    kind: str
    person: str
    session: str | None
    action: str
    resource: Resource
    purpose: str
    origin: str
    outcome: str
    code: str
    rules: tuple[str, ...]


class Evidence(Protocol):
    """What other services know, for analysis."""

    def bucket(self, name: str) -> Resource | None:
        """A bucket with the facts that decisions look at, or None. Blocks shortly."""

    def past(self, operation: str) -> PastDecision | None:
        """The decision on an operation, or None. Blocks: call it on a thread. Raises Sealed."""


class NoEvidence:
    """Where nothing is asked: the worker, the founding."""

    def bucket(self, name: str) -> Resource | None:
        """No bucket."""
        return None

    def past(self, operation: str) -> PastDecision | None:
        """No decision."""
        return None

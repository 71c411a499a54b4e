"""What may watch the work of the platform from outside: small ports, so that what watches is no business of what works.

Whoever works is given an observer, or none: then nothing is measured and next to nothing is spent. An observer never raises,
never waits, and learns neither who asks nor what is asked for: names of methods, sizes, times and kinds of errors.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from nexus.kernel.errors import NexusError

OK = "ok"
CANCELLED = "cancelled"
INTERNAL = "internal"


def outcome_of(error: BaseException | None) -> str:
    """How something ended: `ok`, the kind of the error, or `internal` for what is no error of ours."""
    if error is None:
        return OK
    if isinstance(error, NexusError):
        return error.kind
    return INTERNAL if isinstance(error, Exception) else CANCELLED


class Mark(Protocol):
    """One piece of work that is being watched."""

    @property
    def traceparent(self) -> str:
        """What another process is told, so that its work is seen as part of this (W3C Trace Context); or empty."""
        ...

    def ended(self, outcome: str) -> None:
        """It is over. Called once."""
        ...


class Calls(Protocol):
    """Watches calls of one kind: those that a client makes, or those that a server answers."""

    def began(self, method: str, caller: str = "", traceparent: str = "") -> Mark:
        """A call of `method` begins; `caller` and `traceparent`: of whom it comes from, where that is known."""
        ...


class Commits(Protocol):
    """Watches one database."""

    def queued(self) -> Any:
        """A writer begins to wait; what is returned comes back with `committed`. On the writer's thread."""
        ...

    def committed(self, waited: Sequence[Any], entries: int, seconds: float, error: BaseException | None) -> None:
        """One attempt at a transaction is over: what each of its writers was given, the entries of the audit log among
        it, how long it took, and why nothing of it is stored. On the thread of the database.
        """
        ...


class Decisions(Protocol):
    """Watches the gate."""

    def began(self) -> Mark:
        """A question is asked; it ends with `allowed` or `denied`."""
        ...

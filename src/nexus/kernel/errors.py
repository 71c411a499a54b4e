"""One tree of errors. A message says what and which, a hint says what to do next.

Doors alone translate an error into HTTP, XML or an exit code; they map these classes and never inspect messages.
Messages reach clients and logs: they never carry secrets, payloads or patient data.
"""

from traceback import walk_tb
from typing import ClassVar


class NexusError(Exception):
    """Base of every error that Nexus raises on purpose.

    `code` is a stable, dotted identifier that clients may rely on (`iam.session-expired`).
    """

    kind: ClassVar[str] = "internal"

    def __init__(self, message: str, *, code: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.kind
        self.hint = hint


class Invalid(NexusError):
    """The request is malformed or breaks a named limit."""

    kind = "invalid"


class Unauthenticated(NexusError):
    """Nobody, or nobody who could prove who they are."""

    kind = "unauthenticated"


class StepUpNeeded(Unauthenticated):
    """Known, but this very request needs a fresh factor; `digest` names its content, which the factor is proved for."""

    kind = "step-up-needed"

    def __init__(self, message: str, *, digest: str = "", code: str | None = None, hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.digest = digest


class Denied(NexusError):
    """A known actor without the right, or a second person is missing.

    `rules` are the ids of the policies that forbid it: for the audit log, not for the actor.
    """

    kind = "denied"

    def __init__(self, message: str, *, code: str | None = None, hint: str = "", rules: tuple[str, ...] = ()) -> None:
        super().__init__(message, code=code, hint=hint)
        self.rules = rules


class NotFound(NexusError):
    """The named thing does not exist (or the actor may not learn that it does)."""

    kind = "not-found"


class Conflict(NexusError):
    """The state does not allow it: a transition, a precondition or a duplicate."""

    kind = "conflict"


class Throttled(NexusError):
    """Too many attempts; `retry_after_s` says when to come back."""

    kind = "throttled"

    def __init__(self, message: str, *, retry_after_s: int, code: str | None = None, hint: str = "") -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after_s = retry_after_s


class Unavailable(NexusError):
    """A part that the operation needs is down; nothing happened and a retry may succeed."""

    kind = "unavailable"


class Sealed(Unavailable):
    """The key service is sealed: no read and no write until it is unsealed."""

    kind = "sealed"


class Damaged(NexusError):
    """Stored bytes, a proof or a signature do not verify. Never followed by the bytes themselves."""

    kind = "damaged"


def particulars(error: BaseException) -> dict[str, str]:
    """What the entry of a refusal or a failure says of its error."""
    told = {"code": error.code if isinstance(error, NexusError) else NexusError.kind}
    if isinstance(error, Denied) and error.rules:
        told["rule"] = ", ".join(error.rules)
    return told


def anatomy(error: BaseException) -> str:
    """Types and places of an error, for the log, without its message: messages of libraries may quote personal data."""
    frames = [f"{frame.f_globals.get('__name__')}:{line}" for frame, line in walk_tb(error.__traceback__)]
    cause = error.__cause__ or error.__context__
    return f"{type(error).__name__} at {' > '.join(frames)}" + (f", after {anatomy(cause)}" if cause else "")

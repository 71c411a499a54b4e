"""Decisions of the key service: no clock, no randomness, no input or output."""

from nexus.kernel.clock import DAY, SECOND, Instant
from nexus.kernel.errors import Conflict, Denied, Invalid
from nexus.kernel.operation import Operation
from nexus.kms.model import (
    ALGORITHMS,
    MAX_CONTEXT_ENTRIES,
    MAX_WRAPS_PER_VERSION,
    ROTATES_BY_ITSELF,
    SYSTEM_OWNER,
    TRANSITIONS,
    Algorithm,
    Context,
    Key,
    KeyClass,
    KeyState,
)
from nexus.kms.requests import CreateKey
from nexus.kms.uses import BOUND_OWNER, BY_ITSELF

FREE_ATTEMPTS = 3
"""Wrong passphrases that cost no waiting."""
MAX_PAUSE_S = 300
"""The longest wait between two attempts to unseal."""


def transition(key: Key, to: KeyState) -> None:
    """Raises Conflict if a key may not go from its state to that one."""
    if to not in TRANSITIONS[key.state]:
        raise Conflict(f"{key.id} is {key.state.value} and cannot become {to.value}", code="kms.key-state")


def require_state(key: Key, allowed: set[KeyState], to: KeyState) -> None:
    """Raises Conflict unless the key is in one of these states, and may go to that one."""
    if key.state not in allowed:
        raise Conflict(f"{key.id} is {key.state.value}", code="kms.key-state")
    transition(key, to)


def require_enabled(key: Key) -> None:
    """Raises Conflict on a key that may not be used now; of one that is gone for good, under a code of its own."""
    if key.state is KeyState.DESTROYED:
        raise Conflict(f"{key.id} is {key.state.value}", code="kms.key-destroyed")
    if key.state is not KeyState.ENABLED:
        raise Conflict(
            f"{key.id} is {key.state.value}", code="kms.key-not-enabled", hint="only an enabled key seals and opens"
        )


def require_class(key: Key, allowed: frozenset[KeyClass]) -> None:
    """Raises Invalid on a key of a class that does not do this."""
    if key.key_class not in allowed:
        raise Invalid(f"{key.id} is a key of the class {key.key_class.value}", code="kms.key-class")


def require_foreign(key: Key) -> None:
    """Raises Denied on a key that the service keeps for itself."""
    if key.owner == SYSTEM_OWNER:
        raise Denied(f"{key.id} belongs to the key service itself", code="kms.system-key")


def require_unbound(key: Key) -> None:
    """Raises Denied on a key that is there for one use only: its own methods ask who may."""
    if key.bound_use:
        raise Denied(f"{key.id} is there for {key.bound_use} only", code="kms.bound-key")


def require_approval(op: Operation) -> str:
    """The approval (four eyes) that the operation was claimed under. Raises Denied without one."""
    if not op.approval:
        raise Denied(
            "a second person must approve this", code="kms.approval-missing", hint="propose it, and have it approved"
        )
    return op.approval


def algorithm_of(request: CreateKey) -> Algorithm:
    """The algorithm of a new key. Raises Invalid where class and algorithm do not go together."""
    if request.key_class is KeyClass.IMPORTED:
        raise Invalid("an imported key is imported, not created", code="kms.imported", hint="get import parameters")
    if request.owner in (SYSTEM_OWNER, BOUND_OWNER):
        raise Invalid(f"{request.owner} owns only what the service makes for itself", code="kms.system-key")
    if not request.owner.strip() or not request.purpose.strip():
        raise Invalid("a key needs an owner and a purpose in words", code="kms.owner-and-purpose")
    choices = ALGORITHMS[request.key_class]
    chosen = request.algorithm or choices[0]
    if chosen not in choices:
        raise Invalid(f"a {request.key_class.value} key has no algorithm {chosen.value}", code="kms.algorithm")
    return chosen


def check_context(context: Context) -> None:
    """Raises Invalid on a context that names nothing or too much."""
    if not 0 < len(context) <= MAX_CONTEXT_ENTRIES:
        raise Invalid(f"a context has 1 to {MAX_CONTEXT_ENTRIES} entries", code="kms.context")


def next_rotation(made_at: int, rotation_days: int) -> Instant:
    """When a version that was made then is due for rotation."""
    return Instant(made_at + rotation_days * DAY)


def rotation_due(key: Key, now: int) -> bool:
    """Whether the current version is older than its owner allowed."""
    return key.state is KeyState.ENABLED and key.next_rotation_at <= now


def rotates_now(key: Key, wraps: int, now: int) -> bool:
    """Whether the timer rotates the key: due by age or worn by use, and of a class that may rotate by itself."""
    by_itself = key.bound_use in BY_ITSELF if key.bound_use else key.key_class in ROTATES_BY_ITSELF
    return by_itself and (rotation_due(key, now) or (key.state is KeyState.ENABLED and wraps >= MAX_WRAPS_PER_VERSION))


def destroy_at(now: int, waiting_days: int, demo_seconds: int) -> Instant:
    """The end of the waiting period; `demo_seconds` (a demonstration's setting) replaces the days."""
    return Instant(now + (demo_seconds * SECOND if demo_seconds else waiting_days * DAY))


def pause_after(failures: int) -> int:
    """Seconds to wait after that many wrong attempts in a row: 0, 0, 0, 1, 2, 4, … up to the limit."""
    return 0 if failures <= FREE_ATTEMPTS else min(2 ** (failures - FREE_ATTEMPTS - 1), MAX_PAUSE_S)

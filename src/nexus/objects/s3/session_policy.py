"""Session policies: what a temporary access key carries, and what it leaves of everything that would be allowed.

They are read and evaluated like policies of buckets (policy.py), but the other way round: what no statement allows is denied.
They were read whole before they were stored; one that cannot be read any more leaves nothing.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from nexus.kernel.errors import Denied
from nexus.kernel.operation import Actor
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.policy import Effect, Policy, Who, read_session
from nexus.objects.s3.policy_conditions import Context

CODE: Final = "objects.session-policy"
MAX_READ: Final = 1_024
"""Policies that a process keeps read, each of 2,048 characters at most."""
_WHOEVER: Final = Who("")


def require(actor: Actor, asked: Iterable[str], resource: str, context: Context) -> None:
    """Raise Denied unless each session policy of the actor allows each permission that is asked for."""
    permissions = list(asked)
    for policy in _policies(actor):
        for permission in permissions:
            if policy.decide(_WHOEVER, permission, resource, context) is not Effect.ALLOW:
                raise Denied("the session policy does not allow it", code=CODE)


def looks_at_tags(actor: Actor) -> bool:
    """Whether a decision needs the tags of the object."""
    return any(policy.looks_at_tags for policy in _policies(actor))


def _policies(actor: Actor) -> Iterable[Policy]:
    return [_read(text) for text in actor.narrowed.policies] if actor.narrowed else []


@lru_cache(maxsize=MAX_READ)
def _read(text: str) -> Policy:
    try:
        return read_session(text.encode())
    except Refusal as error:
        raise Denied("the session policy cannot be read", code=CODE) from error

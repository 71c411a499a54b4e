"""What identities hold, with where they have it from: the values of analysis. Decisions see only roles and scopes."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from nexus.iam.decisions import Principal
from nexus.iam.model import IdentityKind, Role
from nexus.kernel.clock import Instant


class How(StrEnum):
    """How somebody comes to a right."""

    GRANTED = "granted"
    ELEVATED = "elevated"
    """Held for a while through an eligible grant."""
    ELIGIBLE = "eligible"
    """Not held now: she may elevate it."""
    OWN = "own"
    """Everybody may, with what is his own."""


class Held(msgspec.Struct, frozen=True, array_like=True):
    """A right with the grant, elevation or eligible grant that it comes from."""

    id: str
    role: str
    scope: str
    starts_at: Instant
    ends_at: Instant
    how: How


@dataclass(frozen=True, slots=True)
class Holding:
    """An identity and everything that it holds or is eligible for. `active`: so is the person who answers for it."""

    identity: str
    kind: str
    name: str
    person: str
    active: bool
    held: tuple[Held, ...]

    def now(self) -> tuple[Held, ...]:
        """What is held, without what could be elevated."""
        return tuple(held for held in self.held if held.how is not How.ELIGIBLE)


def principal_of(holding: Holding, held: Iterable[Held]) -> Principal:
    """The principal that an identity would be with these rights."""
    scopes: dict[Role, set[str]] = {}
    elevated = set()
    for each in held:
        scopes.setdefault(Role(each.role), set()).add(each.scope)
        if each.how is not How.GRANTED:
            elevated.add(each.role)
    kind = "Person" if holding.kind == IdentityKind.PERSON else "Machine"
    rights = {role: frozenset(where) for role, where in scopes.items()}
    return Principal(holding.identity, kind, holding.person, rights, frozenset(elevated))

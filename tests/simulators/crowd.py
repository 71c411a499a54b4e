"""A hub full of people, and what they might ask: 10,000 persons, 500 projects, every action, every kind of moment.

Everything follows from one seed, so that a question that two judges answer differently can be asked again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from nexus.iam.actions import ACTIONS
from nexus.iam.conditions import Conditions
from nexus.iam.decisions import Principal
from nexus.iam.gate import Question
from nexus.iam.model import MACHINE_ROLES, PRIVILEGED_ROLES, Purpose, Role
from nexus.iam.zones import zones
from nexus.kernel.clock import MINUTE, Instant
from nexus.kernel.operation import Actor, ActorKind, Resource

STRICT = Conditions(
    zones=zones(["office=10.1.0.0/16", "ward=10.2.0.0/16"]),
    time_zone="Europe/Paris",
    privileged_zones=frozenset({"office"}),
    privileged_device=True,
    passkeys_only=True,
    fresh_factor_s=900,
    research_zones=frozenset({"office", "ward"}),
    research_hours=True,
    members_only=True,
    separate_duties=True,
)
"""Every condition in force."""
FACTORS = (("passkey",), ("passkey",), ("passkey",), ("password", "totp"))
ORIGINS = ("10.1.2.3", "10.2.4.5", "192.0.2.7", "local", "2001:db8::9", "garbage")
WORKING, PRIVILEGED = sorted(set(Role) - PRIVILEGED_ROLES), sorted(PRIVILEGED_ROLES)


@dataclass(frozen=True, slots=True)
class Member:
    """An identity with its rights; `person` answers for it."""

    id: str
    kind: ActorKind
    person: str
    rights: tuple[tuple[Role, str], ...]

    def principal(self) -> Principal:
        """As decisions see it."""
        held: dict[Role, set[str]] = {}
        for role, scope in self.rights:
            held.setdefault(role, set()).add(scope)
        kind = "Person" if self.kind is ActorKind.PERSON else "Machine"
        return Principal(self.id, kind, self.person, {role: frozenset(where) for role, where in held.items()})


@dataclass
class Crowd:
    """`people` persons, a tenth as many machines, in `projects` projects at fifty sites."""

    seed: int
    people: int = 10_000
    projects: int = 500
    members: list[Member] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        for n in range(self.people):
            person = f"per_{n:026}"
            self.members.append(Member(person, ActorKind.PERSON, person, tuple(self._rights(n))))
        for n in range(self.people // 10):
            owner = f"per_{n:026}"
            role = self._random.choice(sorted(MACHINE_ROLES))
            scope = "platform" if role in PRIVILEGED_ROLES else f"project:p{n % self.projects}"
            self.members.append(Member(f"mac_{n:026}", ActorKind.MACHINE, owner, ((role, scope),)))

    def _rights(self, n: int) -> Iterator[tuple[Role, str]]:
        """Two or three rights of data work; one person in a hundred holds privileged roles as well, or instead."""
        for k in range(2 + n % 2):
            yield self._random.choice(WORKING), self._scope(n + k)
        if n % 100 == 0:
            for role in self._random.sample(PRIVILEGED, self._random.choice((1, 1, 1, 2))):
                yield role, "platform"

    def _scope(self, n: int) -> str:
        kind = self._random.random()
        if kind < 0.85:
            return f"project:p{n % self.projects}"
        if kind < 0.97:
            return f"site:s{n % 50}"
        return "platform" if kind < 0.98 else f"bucket:b{n % self.projects}"

    def questions(self, now: Instant) -> Iterator[tuple[Member, Question]]:
        """Random questions without an end, a good part of them such that the answer may be yes."""
        actions = list(ACTIONS.values())
        while True:
            member = (
                self._random.choice(self.members)
                if self._random.random() < 0.8
                else self.members[self._random.randrange(0, self.people, 100)]
            )
            action = self._random.choice(actions)
            session = self._random.choice((None, "ses_1"))
            age = self._random.choice((None, 0, MINUTE, 15 * MINUTE, 15 * MINUTE + 1, 300 * MINUTE))
            actor = Actor(
                member.id,
                member.kind,
                person=member.person,
                session=session,
                factors=frozenset(self._random.choice(FACTORS)) if session else frozenset(),
                proved_at=None if age is None else Instant(now - age),
            )
            yield (
                member,
                Question(
                    actor,
                    action.name,
                    self._resource(self._random.choice(action.resource_types), member),
                    self._random.choice(list(Purpose)).value,
                    self._random.choice(ORIGINS),
                    self._random.choice(("", "laptop-7")),
                ),
            )

    def _resource(self, kind: str, member: Member) -> Resource:
        attributes = {
            "site": self._random.choice(("", f"s{self._random.randrange(50)}")),
            "project": self._random.choice(("", f"p{self._random.randrange(self.projects)}")),
            "kind": self._random.choice(("standard", "ingress", "export", "release", "", "odd")),
            "person": self._random.choice((member.person, "per_other", "")),
            "created_by": self._random.choice((member.person, "per_other", "")),
            "requester": self._random.choice((member.person, "per_other", "")),
            "approver_role": self._random.choice([*(role.value for role in Role), ""]),
            "approval": self._random.choice(("second-person", "alone", "")),
        }
        _, scope = self._random.choice(member.rights)
        if self._random.random() < 0.6 and ":" in scope:  # where the member has a right
            where, _, name = scope.partition(":")
            attributes[where if where != "bucket" else "project"] = name
        if self._random.random() < 0.5:
            attributes["role"] = self._random.choice([each.value for each in Role])
            attributes["scope"] = self._random.choice((scope, "platform", ""))
        return Resource(kind, f"b{self._random.randrange(self.projects)}", attributes)

"""Decisions: Cedar policies over a principal, an action, a resource and circumstances. Pure: no database, no clock.

Policies are parsed once, checked against the schema, and cut into small sets (slicing.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import cedarpy
import msgspec

from nexus.iam.actions import ACTIONS
from nexus.iam.model import Role
from nexus.iam.rules import ResourceFacts
from nexus.iam.slicing import About, PolicyError, Slices
from nexus.iam.tables.action import Action

SCHEMA_FILE = "nexus.cedarschema"
POLICY_FILES = ("roles.cedar", "own.cedar", "rights.cedar", "never.cedar")
PRINCIPAL_TYPES = ("Person", "Machine")
ELEVATED = "elevated"
"""The attribute of a principal that names the roles held through an elevation."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: `person` answers for `id`; `rights` are the scopes held now, by role, elevations included.

    `elevated`: names of the roles that are held now through an elevation.
    """

    id: str
    type: str
    person: str
    rights: Mapping[Role, frozenset[str]] = field(default_factory=dict)
    elevated: frozenset[str] = frozenset()
    roles: frozenset[str] = field(init=False)
    """Names of the optional attributes that it has: the roles held, and `elevated`."""

    def __post_init__(self) -> None:
        held = {role.value for role, scopes in self.rights.items() if scopes}
        object.__setattr__(self, "roles", frozenset(held | {ELEVATED} if self.elevated else held))

    def entity(self) -> dict[str, Any]:
        """The principal in Cedar's JSON form."""
        scopes = {role.value: sorted(held) for role, held in self.rights.items() if held}
        if self.elevated:
            scopes[ELEVATED] = sorted(self.elevated)
        return {"uid": {"type": self.type, "id": self.id}, "attrs": {"person": self.person, **scopes}, "parents": []}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """`signed_in`: in a session opened with two factors, not by an access key or a service token."""

    purpose: str
    signed_in: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """`forbidden_by`: the ids of the policies of never.cedar that spoke against it."""

    allowed: bool
    forbidden_by: tuple[str, ...] = ()


YES, NO = Decision(True), Decision(False)


class Policy:
    """The policies, ready to decide. `version` names their exact text."""

    def __init__(self, policies: str, schema: str, actions: Iterable[Action]) -> None:
        """Raises PolicyError if a policy or the schema is wrong, or an action is named that does not exist."""
        declared = tuple(actions)
        text = f"{schema}\n{declare(declared)}"
        result = cedarpy.validate_policies(policies, text)
        if not result.validation_passed:
            raise PolicyError("; ".join(str(error) for error in result.errors))
        self.version = sha256(f"{text}\n{policies}".encode()).hexdigest()
        self._schema = cedarpy.Schema.from_str(text)
        self._slices = Slices(policies, (action.name for action in declared), (*Role, ELEVATED))

    @staticmethod
    @cache
    def shipped() -> "Policy":
        """The policies of this program."""
        room = files("nexus.iam") / "policy"
        policies = "\n".join((room / name).read_text("utf-8") for name in POLICY_FILES)
        return Policy(policies, (room / SCHEMA_FILE).read_text("utf-8"), ACTIONS.values())

    def prepare(self, principal: Principal) -> cedarpy.Entities:
        """Parse a principal once, for many decisions.

        Not checked against the schema here (that costs more than the decision): `Principal` and `ResourceFacts` can
        only be built in its form, which a test holds them to, and the request itself is checked at each decision.
        """
        return cedarpy.Entities.from_json_str(_json([principal.entity()]))

    def decide(
        self,
        principal: Principal,
        action: str,
        resource: ResourceFacts,
        circumstances: Circumstances,
        *,
        prepared: cedarpy.Entities | None = None,
    ) -> Decision:
        """Allowed if it is permitted and nothing forbids it.

        An action without a policy, a type that the schema does not know for it, or any error, is a no.
        """
        policies = self._slices.of(About(action, principal.type, resource.type, principal.roles))
        if policies is None:
            return NO
        request = {
            "principal": {"type": principal.type, "id": principal.id},
            "action": {"type": "Action", "id": action},
            "resource": {"type": resource.type, "id": resource.id},
            "context": _json({"purpose": circumstances.purpose, "signed_in": circumstances.signed_in}),
        }
        if prepared is None:
            entities = cedarpy.Entities.from_json_str(_json([principal.entity(), resource.entity()]))
        else:
            entities = prepared.with_added_json_str(_json([resource.entity()]))
        answer = cedarpy.is_authorized(request, policies, entities, self._schema)
        if answer.allowed and not answer.diagnostics.errors:
            return YES
        forbidding = answer.diagnostics.id_annotations_by_reason.values()
        return Decision(False, tuple(sorted(forbidding))) if forbidding else NO

    def check_form(self, principal: Principal, resource: ResourceFacts) -> None:
        """Raise ValueError if either is not in the form that the schema declares. For tests: slow."""
        cedarpy.Entities.from_json_str(_json([principal.entity(), resource.entity()]), self._schema)


def declare(actions: Iterable[Action]) -> str:
    """The actions in Cedar's schema syntax."""
    principals = ", ".join(PRINCIPAL_TYPES)
    return "\n".join(
        f'action "{action.name}" appliesTo {{ principal: [{principals}],'
        f" resource: [{', '.join(action.resource_types)}], context: Circumstances }};"
        for action in actions
    )


def _json(document: Any) -> str:
    """Cedar takes text; msgspec writes it five times faster than the standard library."""
    return msgspec.json.encode(document).decode()

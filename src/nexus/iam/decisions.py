"""Decisions: Cedar policies over a principal, an action, a resource and circumstances. Pure: no database, no clock.

Policies are parsed once, checked against the schema, and cut into small sets (slicing.py). Rules of conditions.cedar take
part where their configuration says so (conditions.py).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import cedarpy
import msgspec

from nexus.iam.actions import ACTIONS
from nexus.iam.conditions import NO_CONDITIONS, Conditions
from nexus.iam.model import Role
from nexus.iam.rules import ResourceFacts
from nexus.iam.slicing import About, PolicyError, Slices, roles_in
from nexus.iam.tables.action import Action
from nexus.iam.zones import OUTSIDE

SCHEMA_FILE = "nexus.cedarschema"
POLICY_FILES = (
    "roles.cedar",
    "own.cedar",
    "rights.cedar",
    "bastion.cedar",
    "conditions.cedar",
    "clients.cedar",
    "never.cedar",
    "analysis.cedar",
)
PRINCIPAL_TYPES = ("Person", "Machine")
SENSITIVE_GROUP = "sensitive"
"""The group of actions, in Cedar, that need a second person."""
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
    projects: frozenset[str] = field(init=False)
    """Names of the projects that a right is held within."""

    def __post_init__(self) -> None:
        held = {role.value for role, scopes in self.rights.items() if scopes}
        object.__setattr__(self, "roles", frozenset(held | {ELEVATED} if self.elevated else held))
        scopes = frozenset().union(*self.rights.values())
        inside = frozenset(scope.removeprefix("project:") for scope in scopes if scope.startswith("project:"))
        object.__setattr__(self, "projects", inside)

    def entity(self) -> dict[str, Any]:
        """The principal in Cedar's JSON form."""
        scopes = {role.value: sorted(held) for role, held in self.rights.items() if held}
        if self.elevated:
            scopes[ELEVATED] = sorted(self.elevated)
        attributes = {"person": self.person, "projects": sorted(self.projects), **scopes}
        return {"uid": {"type": self.type, "id": self.id}, "attrs": attributes, "parents": []}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The facts of the moment. Those not given are such that no condition is met."""

    purpose: str
    signed_in: bool
    """In a session opened with two factors, not by an access key or a service token."""
    zone: str = OUTSIDE
    hour: int = -1
    weekday: int = 0
    factors: frozenset[str] = frozenset()
    factor_age_s: int | None = None
    device_certificate: bool = False

    def context(self) -> dict[str, Any]:
        """The facts in Cedar's JSON form."""
        age = {} if self.factor_age_s is None else {"factor_age_s": self.factor_age_s}
        return {
            "purpose": self.purpose,
            "signed_in": self.signed_in,
            "zone": self.zone,
            "hour": self.hour,
            "weekday": self.weekday,
            "factors": sorted(self.factors),
            "device_certificate": self.device_certificate,
            **age,
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """`forbidden_by`: the ids of the rules that spoke against it.

    `conditions`: those of them that are conditions, where they alone stand between the right and the deed.
    `permitted_by`: the ids of the policies that permit it, where it is allowed.
    """

    allowed: bool
    forbidden_by: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    permitted_by: tuple[str, ...] = ()


YES, NO = Decision(True), Decision(False)


class Policy:
    """The policies, ready to decide. `version` names their exact text."""

    def __init__(
        self, policies: str, schema: str, actions: Iterable[Action], conditions: Conditions = NO_CONDITIONS
    ) -> None:
        """Raises PolicyError if a policy or the schema is wrong, or an action is named that does not exist."""
        declared = tuple(actions)
        text = f"{schema}\n{declare(declared)}"
        result = cedarpy.validate_policies(policies, text)
        if not result.validation_passed:
            raise PolicyError("; ".join(str(error) for error in result.errors))
        parameters = _json([conditions.entity()])
        self.version = sha256(f"{text}\n{policies}\n{sorted(conditions.in_force())}\n{parameters}".encode()).hexdigest()
        self._schema = cedarpy.Schema.from_str(text)
        self._parameters = cedarpy.Entities.from_json_str(parameters, self._schema)
        parsed = json.loads(cedarpy.policies_to_json_str(policies))
        in_force = _without(parsed, _conditional(parsed) - conditions.in_force())
        self._conditions = _conditional(in_force)
        names = {action.name: frozenset({SENSITIVE_GROUP} if action.sensitive else ()) for action in declared}
        optional = [*Role, ELEVATED]
        self._slices = Slices(in_force, names, optional)
        self._rights = Slices(_without(parsed, _conditional(parsed)), names, optional)
        """The same without any condition: what somebody may, whatever the moment."""
        self._permits = Slices(_only(parsed, "permit"), names, optional)
        self._asking = {each["annotations"]["id"]: _roles_of(each) for each in parsed["staticPolicies"].values()}

    @staticmethod
    @cache
    def shipped(conditions: Conditions = NO_CONDITIONS) -> "Policy":
        """The policies of this program, with these conditions in force."""
        room = files("nexus.iam") / "policy"
        policies = "\n".join((room / name).read_text("utf-8") for name in POLICY_FILES)
        return Policy(policies, (room / SCHEMA_FILE).read_text("utf-8"), ACTIONS.values(), conditions)

    def facts(self, action: str) -> frozenset[str]:
        """The facts of the moment that a decision on this action may depend on."""
        return self._slices.facts(action)

    def prepare(self, principal: Principal) -> cedarpy.Entities:
        """Parse a principal once, for many decisions.

        Not checked against the schema here (that costs more than the decision): `Principal` and `ResourceFacts` can
        only be built in its form, which a test holds them to, and the request itself is checked at each decision.
        """
        return self._parameters.with_added_json_str(_json([principal.entity()]))

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
        about = About(action, principal.type, resource.type, principal.roles)
        policies = self._slices.of(about)
        if policies is None:
            return NO
        request = _request(principal, action, resource, circumstances)
        if prepared is None:
            entities = self._parameters.with_added_json_str(_json([principal.entity(), resource.entity()]))
        else:
            entities = prepared.with_added_json_str(_json([resource.entity()]))
        answer = cedarpy.is_authorized(request, policies, entities, self._schema)
        spoke = tuple(sorted(answer.diagnostics.id_annotations_by_reason.values()))
        if answer.allowed and not answer.diagnostics.errors:
            return Decision(True, permitted_by=spoke)
        forbidding = () if answer.allowed else spoke
        if not forbidding:
            return NO
        unmet = forbidding if self._conditions.issuperset(forbidding) else ()
        if unmet and not self._entitles(about, request, entities):
            unmet = ()
        return Decision(False, forbidding, unmet)

    def entitles(
        self, principal: Principal, action: str, resource: ResourceFacts, circumstances: Circumstances
    ) -> Decision:
        """What `decide` would say if no condition were in force: whether the rights alone allow it."""
        entities = self._parameters.with_added_json_str(_json([principal.entity(), resource.entity()]))
        about = About(action, principal.type, resource.type, principal.roles)
        return YES if self._entitles(about, _request(principal, action, resource, circumstances), entities) else NO

    def permitting(
        self, principal: Principal, action: str, resource: ResourceFacts, circumstances: Circumstances
    ) -> tuple[str, ...]:
        """The ids of the policies that permit it, whatever forbids it: for analysis."""
        policies = self._permits.of(About(action, principal.type, resource.type, principal.roles))
        if policies is None:
            return ()
        entities = self._parameters.with_added_json_str(_json([principal.entity(), resource.entity()]))
        answer = cedarpy.is_authorized(
            _request(principal, action, resource, circumstances), policies, entities, self._schema
        )
        return tuple(sorted(answer.diagnostics.id_annotations_by_reason.values())) if answer.allowed else ()

    def asked_by(self, policies: Iterable[str]) -> frozenset[str]:
        """The roles that these policies ask for."""
        return frozenset().union(*(self._asking[policy] for policy in policies))

    def _entitles(self, about: About, request: dict[str, Any], entities: cedarpy.Entities) -> bool:
        policies = self._rights.of(about)
        if policies is None:
            return False
        answer = cedarpy.is_authorized(request, policies, entities, self._schema)
        return bool(answer.allowed and not answer.diagnostics.errors)

    def check_form(self, principal: Principal, resource: ResourceFacts) -> None:
        """Raise ValueError if either is not in the form that the schema declares. For tests: slow."""
        cedarpy.Entities.from_json_str(_json([principal.entity(), resource.entity()]), self._schema)


def _group(action: Action) -> str:
    return f' in ["{SENSITIVE_GROUP}"]' if action.sensitive else ""


def _request(principal: Principal, action: str, resource: ResourceFacts, moment: Circumstances) -> dict[str, Any]:
    return {
        "principal": {"type": principal.type, "id": principal.id},
        "action": {"type": "Action", "id": action},
        "resource": {"type": resource.type, "id": resource.id},
        "context": _json(moment.context()),
    }


def _conditional(parsed: Mapping[str, Any]) -> frozenset[str]:
    """The ids of the rules that apply by configuration."""
    policies = parsed["staticPolicies"].values()
    return frozenset(each["annotations"]["id"] for each in policies if "setting" in each.get("annotations", {}))


def _only(parsed: Mapping[str, Any], effect: str) -> Mapping[str, Any]:
    policies = parsed["staticPolicies"].items()
    return {**parsed, "staticPolicies": {key: each for key, each in policies if each["effect"] == effect}}


def _roles_of(policy: Mapping[str, Any]) -> frozenset[str]:
    return roles_in(policy) & frozenset(Role)


def _without(parsed: Mapping[str, Any], ids: frozenset[str]) -> Mapping[str, Any]:
    """Policies in Cedar's JSON form, less those of these ids."""
    policies = parsed["staticPolicies"].items()
    kept = {key: each for key, each in policies if each.get("annotations", {}).get("id") not in ids}
    return {**parsed, "staticPolicies": kept}


def declare(actions: Iterable[Action]) -> str:
    """The actions in Cedar's schema syntax. Sensitive ones are in the group of that name."""
    principals = ", ".join(PRINCIPAL_TYPES)
    return f'action "{SENSITIVE_GROUP}";\n' + "\n".join(
        f'action "{action.name}"{_group(action)} appliesTo {{ principal: [{principals}],'
        f" resource: [{', '.join(action.resource_types)}], context: Circumstances }};"
        for action in actions
    )


def _json(document: Any) -> str:
    """Cedar takes text; msgspec writes it five times faster than the standard library."""
    return msgspec.json.encode(document).decode()

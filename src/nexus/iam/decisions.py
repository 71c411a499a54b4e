"""Decisions: Cedar policies over a principal, an action, a resource and circumstances. Pure: no database, no clock.

Cedar parses and validates the policies; they are evaluated here (evaluating.py), because a call into Cedar costs more than
all else in a request. `Policy.cedar` is Cedar itself, which the answers are compared with.

Policies are parsed once, checked against the schema, and cut into small sets (slicing.py). Rules of conditions.cedar take
part where their configuration says so (conditions.py).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any

import cedarpy
import msgspec

from nexus.iam.actions import ACTIONS
from nexus.iam.conditions import ENTITY, NO_CONDITIONS, Conditions
from nexus.iam.evaluating import Request, Rule, rule
from nexus.iam.model import Role
from nexus.iam.rules import ResourceFacts
from nexus.iam.slicing import About, PolicyError, Slices, roles_in
from nexus.iam.tables.action import Action
from nexus.iam.zones import OUTSIDE

SCHEMA_FILE = "nexus.cedarschema"
_AREAS = "roles own rights bastion conditions analysis clients directory patients projects intake releases catalogue pseudonyms consent never duties"
POLICY_FILES = tuple(f"{area}.cedar" for area in _AREAS.split())
PRINCIPAL_TYPES = ("Person", "Machine")
SENSITIVE_GROUP = "sensitive"
"""The group of actions, in Cedar, that need a second person."""
ELEVATED = "elevated"
"""The attribute of a principal that names the roles held through an elevation."""
DIRECTORY = "directory"
"""The attribute of a machine that brings people in and takes them out."""
PATIENT = "patient"
"""The attribute of the account of a patient."""
PATIENTS_GROUP = "patients"
"""The group of actions, in Cedar, that are all that a patient's account may do."""
OPTIONAL = (*Role, ELEVATED, DIRECTORY, PATIENT)
"""Attributes that not every principal has."""


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
    directory: bool = False
    """Whether it is a machine that brings people in and takes them out."""
    patient: bool = False
    """Whether it is the account of a patient."""
    roles: frozenset[str] = field(init=False)
    """Names of the optional attributes that it has: the roles held, `elevated`, `directory`, `patient`."""
    projects: frozenset[str] = field(init=False)
    """Names of the projects that a right is held within."""
    attributes: Mapping[str, Any] = field(init=False)
    """What policies look at."""

    def __post_init__(self) -> None:
        seen: dict[str, Any] = {role.value: scopes for role, scopes in self.rights.items() if scopes}
        for name, value in ((ELEVATED, self.elevated), (DIRECTORY, self.directory), (PATIENT, self.patient)):
            if value:
                seen[name] = value
        object.__setattr__(self, "roles", frozenset(seen))
        scopes = frozenset().union(*self.rights.values())
        inside = frozenset(scope.removeprefix("project:") for scope in scopes if scope.startswith("project:"))
        object.__setattr__(self, "projects", inside)
        object.__setattr__(self, "attributes", {"person": self.person, "projects": inside, **seen})

    def entity(self) -> dict[str, Any]:
        """The principal in Cedar's JSON form."""
        attributes: dict[str, Any] = {role.value: sorted(held) for role, held in self.rights.items() if held}
        if self.elevated:
            attributes[ELEVATED] = sorted(self.elevated)
        if self.directory:
            attributes[DIRECTORY] = True
        if self.patient:
            attributes[PATIENT] = True
        attributes |= {"person": self.person, "projects": sorted(self.projects)}
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

    def attributes(self) -> dict[str, Any]:
        """What policies look at."""
        facts: dict[str, Any] = {
            "purpose": self.purpose,
            "signed_in": self.signed_in,
            "zone": self.zone,
            "hour": self.hour,
            "weekday": self.weekday,
            "factors": self.factors,
            "device_certificate": self.device_certificate,
        }
        if self.factor_age_s is not None:
            facts["factor_age_s"] = self.factor_age_s
        return facts

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
    `permitted_by`: the ids of the policies that permit it, also where another one forbids.
    """

    allowed: bool
    forbidden_by: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    permitted_by: tuple[str, ...] = ()


NO = Decision(False)
Asked = tuple[Principal, str, ResourceFacts, Circumstances]
"""A question as policies see it: who, which action, on what, under which facts of the moment."""


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
        parsed = json.loads(cedarpy.policies_to_json_str(policies))
        in_force = _without(parsed, _conditional(parsed) - conditions.in_force())
        self.version = sha256(f"{text}\n{json.dumps(in_force)}\n{conditions.entity()}".encode()).hexdigest()
        self._types = {action.name: frozenset(action.resource_types) for action in declared}
        self._conditions = _conditional(in_force)
        self._parameters = {(ENTITY["type"], ENTITY["id"]): conditions.attributes()}
        self._groups = {action.name: _groups(action) for action in declared}
        self.cedar = Cedar(in_force, text, self._groups, conditions)
        names = {action.name: frozenset(_named_groups(action)) for action in declared}
        self._in_force = Slices(in_force, names, OPTIONAL, _rules)
        self._rights = Slices(_without(parsed, _conditional(parsed)), names, OPTIONAL, _rules)
        """The same without any condition: what somebody may, whatever the moment."""
        self._asking = {each["annotations"]["id"]: _roles_of(each) for each in parsed["staticPolicies"].values()}
        _rules(parsed)  # a form that the evaluator does not know stops the program here, whichever rules are in force

    @staticmethod
    @cache
    def shipped(conditions: Conditions = NO_CONDITIONS) -> "Policy":
        """The policies of this program, with these conditions in force."""
        room = files("nexus.iam") / "policy"
        policies = "\n".join((room / name).read_text("utf-8") for name in POLICY_FILES)
        return Policy(policies, (room / SCHEMA_FILE).read_text("utf-8"), ACTIONS.values(), conditions)

    def facts(self, action: str) -> frozenset[str]:
        """The facts of the moment that a decision on this action may depend on."""
        return self._in_force.facts(action)

    def decide(
        self, principal: Principal, action: str, resource: ResourceFacts, circumstances: Circumstances
    ) -> Decision:
        """Allowed if it is permitted and nothing forbids it.

        An action without a policy, a type that the schema does not know for it, or any error, is a no.
        """
        about = About(action, principal.type, resource.type, principal.roles)
        rules = self._in_force.of(about)
        if rules is None or not self._known(about):
            return NO
        request = self._request(principal, action, resource, circumstances)
        permits, forbids = _spoken(rules, request)
        if forbids:
            unmet = self._conditions.issuperset(forbids) and self._entitled(about, request)
            return Decision(False, forbids, forbids if unmet else (), permits)
        return Decision(True, permitted_by=permits) if permits else NO

    def entitles(
        self, principal: Principal, action: str, resource: ResourceFacts, circumstances: Circumstances
    ) -> Decision:
        """What `decide` would say if no condition were in force: whether the rights alone allow it."""
        about = About(action, principal.type, resource.type, principal.roles)
        request = self._request(principal, action, resource, circumstances)
        return Decision(self._known(about) and self._entitled(about, request))

    def permitting(
        self, principal: Principal, action: str, resource: ResourceFacts, circumstances: Circumstances
    ) -> tuple[str, ...]:
        """The ids of the policies that permit it, whatever forbids it: for analysis."""
        about = About(action, principal.type, resource.type, principal.roles)
        rules = self._rights.of(about)
        if rules is None or not self._known(about):
            return ()
        return _spoken(rules, self._request(principal, action, resource, circumstances))[0]

    def asked_by(self, policies: Iterable[str]) -> frozenset[str]:
        """The roles that these policies ask for."""
        return frozenset().union(*(self._asking[policy] for policy in policies))

    def _known(self, about: About) -> bool:
        return about.principal_type in PRINCIPAL_TYPES and about.resource_type in self._types.get(about.action, ())

    def _entitled(self, about: About, request: Request) -> bool:
        rules = self._rights.of(about)
        permits, forbids = _spoken(rules, request) if rules else ((), ())
        return bool(permits) and not forbids

    def _request(
        self, principal: Principal, action: str, resource: ResourceFacts, circumstances: Circumstances
    ) -> Request:
        return Request(
            principal.type,
            principal.attributes,
            resource.type,
            {"scopes": frozenset(resource.scopes), **dict(resource.attributes)},
            circumstances.attributes(),
            ("Action", action),
            self._groups.get(action, frozenset()),
            self._parameters,
        )


class Cedar:
    """Cedar itself over all policies in force: what the evaluator is compared with, and slower than it."""

    def __init__(
        self,
        policies: Mapping[str, Any],
        schema: str,
        groups: Mapping[str, frozenset[tuple[str, str]]],
        conditions: Conditions,
    ) -> None:
        """`policies`: in Cedar's JSON form. `groups`: the groups that each action is in, and itself."""
        self._groups = groups
        self._policies = cedarpy.PolicySet.from_json_str(json.dumps(policies))
        self._schema = cedarpy.Schema.from_str(schema)
        self._parameters = conditions.entity()

    def decide(
        self, principal: Principal, action: str, resource: ResourceFacts, circumstances: Circumstances
    ) -> Decision:
        """What Cedar decides, without `conditions`. Raises PolicyError where it speaks of an error."""
        return self.decide_all([(principal, action, resource, circumstances)])[0]

    def decide_all(self, questions: Sequence[Asked]) -> list[Decision]:
        """The same of several questions, which share the reading of their entities. Each id of a resource, or of a
        principal, has to mean the same in all of them.
        """
        entities: dict[tuple[str, str], Any] = {}
        for principal, action, resource, _ in questions:
            entities[principal.type, principal.id] = principal
            entities[resource.type, resource.id] = resource
            entities["Action", action] = action
        known = [self._action(each) if isinstance(each, str) else each.entity() for each in entities.values()]
        requests = [
            {
                "principal": {"type": principal.type, "id": principal.id},
                "action": {"type": "Action", "id": action},
                "resource": {"type": resource.type, "id": resource.id},
                "context": _json(circumstances.context()),
            }
            for principal, action, resource, circumstances in questions
        ]
        answers = cedarpy.is_authorized_batch(requests, self._policies, _json([*known, self._parameters]))
        return [_decision(answer) for answer in answers]

    def _action(self, name: str) -> dict[str, Any]:
        parents = [{"type": type_, "id": id_} for type_, id_ in self._groups.get(name, ()) if id_ != name]
        return {"uid": {"type": "Action", "id": name}, "attrs": {}, "parents": parents}

    def check_form(self, principal: Principal, resource: ResourceFacts) -> None:
        """Raise ValueError if either is not in the form that the schema declares. For tests: slow."""
        cedarpy.Entities.from_json_str(_json([principal.entity(), resource.entity()]), self._schema)


def _decision(answer: cedarpy.AuthzResult) -> Decision:
    if answer.diagnostics.errors:
        raise PolicyError("; ".join(str(error) for error in answer.diagnostics.errors))
    spoke = tuple(sorted(answer.diagnostics.id_annotations_by_reason.values()))
    return Decision(True, permitted_by=spoke) if answer.allowed else Decision(False, spoke)


def _rules(policies: Mapping[str, Any]) -> tuple[Rule, ...]:
    return tuple(rule(policy) for policy in policies["staticPolicies"].values())


def _spoken(rules: Iterable[Rule], request: Request) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The ids of the policies that hold: those that permit and those that forbid.

    Every one of them is evaluated. An error in any is a refusal: neither permits then.
    """
    permits: list[str] = []
    forbids: list[str] = []
    try:
        for each in rules:
            if each.holds(request):
                (permits if each.permits else forbids).append(each.id)
    except (KeyError, TypeError):
        return (), ()
    return tuple(sorted(permits)), tuple(sorted(forbids))


def _conditional(parsed: Mapping[str, Any]) -> frozenset[str]:
    """The ids of the rules that apply by configuration."""
    policies = parsed["staticPolicies"].values()
    return frozenset(each["annotations"]["id"] for each in policies if "setting" in each.get("annotations", {}))


def _group(action: Action) -> str:
    groups = ", ".join(f'"{name}"' for name in _named_groups(action))
    return f" in [{groups}]" if groups else ""


def _groups(action: Action) -> frozenset[tuple[str, str]]:
    return frozenset(("Action", name) for name in (action.name, *_named_groups(action)))


def _named_groups(action: Action) -> tuple[str, ...]:
    """The groups of actions that it is in, besides itself."""
    return (*((SENSITIVE_GROUP,) if action.sensitive else ()), *((PATIENTS_GROUP,) if action.patient else ()))


def _roles_of(policy: Mapping[str, Any]) -> frozenset[str]:
    return roles_in(policy) & frozenset(Role)


def _without(parsed: Mapping[str, Any], ids: frozenset[str]) -> Mapping[str, Any]:
    """Policies in Cedar's JSON form, less those of these ids."""
    policies = parsed["staticPolicies"].items()
    kept = {key: each for key, each in policies if each.get("annotations", {}).get("id") not in ids}
    return {**parsed, "staticPolicies": kept}


def declare(actions: Iterable[Action]) -> str:
    """The actions in Cedar's schema syntax. Each is in the groups that it is marked for."""
    principals = ", ".join(PRINCIPAL_TYPES)
    return f'action "{SENSITIVE_GROUP}", "{PATIENTS_GROUP}";\n' + "\n".join(
        f'action "{action.name}"{_group(action)} appliesTo {{ principal: [{principals}],'
        f" resource: [{', '.join(action.resource_types)}], context: Circumstances }};"
        for action in actions
    )


def _json(document: Any) -> str:
    """Cedar takes text; msgspec writes it five times faster than the standard library."""
    return msgspec.json.encode(document).decode()

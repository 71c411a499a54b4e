"""Fewer and shorter policies for each decision: what cannot take part in it is left out before anything is evaluated.

Left out is only what is certain to say nothing: a policy for another action or another type, and what the types, the action
and the roles held decide alone (folding.py). The decision stays the same (a property test compares it with that of all
policies) and takes a quarter of the time.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from nexus.iam.folding import Known, conditions_left
from nexus.iam.memory import remember

S = TypeVar("S")
MAX_SLICES = 4_096
"""Sets of policies kept ready in a process."""


class PolicyError(ValueError):
    """The policies that ship with the program do not fit their schema: the program must not start."""


class About(NamedTuple):
    """What is known of a decision before its resource is looked at. `roles`: names of the roles held."""

    action: str
    principal_type: str
    resource_type: str
    roles: frozenset[str]


class Slices(Generic[S]):
    """Cuts and keeps sets of policies, each made ready once by `make` from their JSON form."""

    def __init__(
        self,
        policies: Mapping[str, Any],
        actions: Mapping[str, frozenset[str]],
        roles: Iterable[str],
        make: Callable[[Mapping[str, Any]], S],
    ) -> None:
        """`policies`: in Cedar's JSON form. `actions`: the groups that each action is in.

        Raises PolicyError on a form of scope that is not used here.
        """
        self._parsed = policies
        self._make = make
        self._groups = actions
        self._all_roles = frozenset(roles)
        self._by_action = {action: self._concerning(action, groups) for action, groups in actions.items()}
        asking = {key: roles_in(policy) & self._all_roles for key, policy in policies["staticPolicies"].items()}
        looking = {key: _facts_in(policy) for key, policy in policies["staticPolicies"].items()}
        self._telling = {action: _union(asking, found) for action, found in self._by_action.items()}
        """The roles that policies about an action ask for: holding any other changes nothing."""
        self._looking = {action: _union(looking, found) for action, found in self._by_action.items()}
        self._cut: OrderedDict[About, S] = OrderedDict()

    def of(self, about: About) -> S | None:
        """The policies that can take part; None for an action that does not exist."""
        telling = self._telling.get(about.action)
        if telling is None:
            return None
        about = about._replace(roles=about.roles & telling)
        found = self._cut.get(about)
        if found is None:
            found = self._slice(about)
            remember(self._cut, about, found, MAX_SLICES)
        return found

    def facts(self, action: str) -> frozenset[str]:
        """The facts of the moment that a decision on this action may depend on; none for an unknown action."""
        return self._looking.get(action, frozenset())

    def _concerning(self, action: str, groups: frozenset[str]) -> Mapping[str, Any]:
        policies = self._parsed["staticPolicies"].items()
        named = groups | {action}
        return {key: policy for key, policy in policies if _names(policy["action"], named)}

    def _slice(self, about: About) -> S:
        known = Known(
            about.action,
            self._groups[about.action] | {about.action},
            about.principal_type,
            about.resource_type,
            about.roles,
            self._all_roles - about.roles,
        )
        kept = {}
        for key, policy in self._by_action[about.action].items():
            if _fits(policy["principal"], about.principal_type) and _fits(policy["resource"], about.resource_type):
                left = conditions_left(policy["conditions"], known)
                if left is not None:
                    kept[key] = {**policy, "conditions": left}
        return self._make({**self._parsed, "staticPolicies": kept})


def _union(sets: Mapping[str, frozenset[str]], keys: Iterable[str]) -> frozenset[str]:
    return frozenset().union(*(sets[key] for key in keys))


def _names(scope: Mapping[str, Any], names: frozenset[str]) -> bool:
    """Whether an action scope holds an action, or a group that it is in. Raises PolicyError on a form not used here."""
    match scope:
        case {"op": "==", "entity": {"id": named}}:
            return named in names
        case {"op": "in", "entities": [*listed]}:
            return any(entity["id"] in names for entity in listed)
        case {"op": "All"}:
            return True
    raise PolicyError("a policy names its actions by == or by a list")


def _fits(scope: Mapping[str, Any], type_: str) -> bool:
    """Whether a principal or resource scope can hold an entity of this type; forms we do not read fit."""
    match scope:
        case {"op": "is", "entity_type": named, **rest} if "in" not in rest:
            return bool(named == type_)
    return True


def roles_in(document: Any) -> frozenset[str]:
    """Every attribute of the principal that is asked for anywhere in these policies."""
    return _attributes_of("principal", ("has",), document)


def _facts_in(document: Any) -> frozenset[str]:
    """Every attribute of the context that these policies look at."""
    return _attributes_of("context", ("has", "."), document)


def _attributes_of(variable: str, operators: tuple[str, ...], document: Any) -> frozenset[str]:
    match document:
        case dict():
            found = {
                inner["attr"]
                for operator in operators
                if isinstance(inner := document.get(operator), dict) and inner.get("left") == {"Var": variable}
            }
            return frozenset(found).union(*(_attributes_of(variable, operators, part) for part in document.values()))
        case list():
            return frozenset().union(*(_attributes_of(variable, operators, part) for part in document))
    return frozenset()

"""Evaluates Cedar policies in this process: the same answers as Cedar, a tenth of the time.

Cedar parses, type-checks and validates the policies when they are loaded, and stays the judge of what they mean: this
evaluator is compared with it in the tests over random requests, by `bench/authorisation.py --differential` over a million,
and in service for one decision in `gate.CHECK_ONE_IN`. It knows only the forms that our policies use; any other form stops
the program when the policies are loaded. Whatever goes wrong in an evaluation is an error, and an error is a refusal.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from nexus.iam.slicing import PolicyError

Attributes = Mapping[str, Any]
"""Of an entity or of the context: texts, numbers, booleans, frozensets."""


class Request(NamedTuple):
    """What a policy looks at. `parameters`: the entities that policies name themselves, by (type, id)."""

    principal_type: str
    principal: Attributes
    resource_type: str
    resource: Attributes
    context: Attributes
    action: tuple[str, str]
    groups: frozenset[tuple[str, str]]
    """The groups that the action is in, and itself."""
    parameters: Mapping[tuple[str, str], Attributes]


Expression = Callable[[Request], Any]


class Rule(NamedTuple):
    """A policy without its scope: slicing has seen to that."""

    id: str
    permits: bool
    holds: Expression


def rule(policy: Mapping[str, Any]) -> Rule:
    """A policy in Cedar's JSON form, made ready. Raises PolicyError on a form that is not used here."""
    parts = [_condition(each) for each in policy["conditions"]]
    return Rule(policy["annotations"]["id"], policy["effect"] == "permit", _every(parts))


def _every(parts: Sequence[Expression]) -> Expression:
    if not parts:
        return lambda request: True
    first, others = parts[0], parts[1:]
    if not others:
        return first
    rest = _every(others)
    return lambda request: first(request) and rest(request)


def _condition(condition: Mapping[str, Any]) -> Expression:
    body = _boolean(condition["body"])
    if condition["kind"] == "when":
        return body
    if condition["kind"] == "unless":
        return lambda request: not body(request)
    raise PolicyError(f"a condition of kind {condition['kind']}")


def _boolean(node: Mapping[str, Any]) -> Expression:
    """What Cedar calls an error is one here: something else than yes or no."""
    inner = _expression(node)
    if not node.keys() <= {"Value", "Var", ".", "Set"}:
        return inner  # every other form that is used answers yes or no itself, or raises

    def checked(request: Request) -> bool:
        value = inner(request)
        if value is True or value is False:
            return value
        raise TypeError("a condition is neither true nor false")

    return checked


def _expression(node: Mapping[str, Any]) -> Expression:
    ((operator, operands),) = node.items()
    make = _FORMS.get(operator)
    if make is None:
        raise PolicyError(f"a policy uses {operator}, which this evaluator does not know")
    return make(operands)


def _value(operand: Any) -> Expression:
    if isinstance(operand, dict):
        ((_, entity),) = operand.items()
        uid = (entity["type"], entity["id"])
        return lambda request: uid
    if isinstance(operand, str | bool | int):
        return lambda request: operand
    raise PolicyError("a literal that this evaluator does not know")


def _variable(name: str) -> Expression:
    match name:
        case "principal":
            return lambda request: request.principal
        case "resource":
            return lambda request: request.resource
        case "context":
            return lambda request: request.context
        case "action":
            return lambda request: request.action
    raise PolicyError(f"a variable named {name}")


def _attribute(operands: Mapping[str, Any]) -> Expression:
    left, name = _expression(operands["left"]), operands["attr"]
    match operands["left"]:
        case {"Value": _}:
            return lambda request: request.parameters[left(request)][name]
        case {"Var": "principal"}:
            return lambda request: request.principal[name]
        case {"Var": "resource"}:
            return lambda request: request.resource[name]
        case {"Var": "context"}:
            return lambda request: request.context[name]
    return lambda request: left(request)[name]


def _has(operands: Mapping[str, Any]) -> Expression:
    left, name = _expression(operands["left"]), operands["attr"]
    return lambda request: name in left(request)


def _set(operands: list[Mapping[str, Any]]) -> Expression:
    parts = [_expression(part) for part in operands]
    if all("Value" in part for part in operands):
        constant = frozenset(part(_NOTHING) for part in parts)
        return lambda request: constant
    return lambda request: frozenset(part(request) for part in parts)


def _and(operands: Mapping[str, Any]) -> Expression:
    left, right = _boolean(operands["left"]), _boolean(operands["right"])
    return lambda request: left(request) and right(request)


def _or(operands: Mapping[str, Any]) -> Expression:
    left, right = _boolean(operands["left"]), _boolean(operands["right"])
    return lambda request: left(request) or right(request)


def _not(operands: Mapping[str, Any]) -> Expression:
    inner = _boolean(operands["arg"])
    return lambda request: not inner(request)


def _kind(value: Any) -> type:
    """What Cedar sees: an enumeration of texts is a text, whoever made it. True is no number."""
    return next((kind for kind in (bool, str, int, frozenset) if isinstance(value, kind)), type(value))


def _equal(operands: Mapping[str, Any]) -> Expression:
    left, right = _both(operands)
    if isinstance(text := operands["right"].get("Value"), str):
        return lambda request: bool(left(request) == text)  # only a text equals a text

    def equal(request: Request) -> bool:
        one, other = left(request), right(request)
        return _kind(one) is _kind(other) and bool(one == other)

    return equal


def _unequal(operands: Mapping[str, Any]) -> Expression:
    equal = _equal(operands)
    return lambda request: not equal(request)


def _less(operands: Mapping[str, Any]) -> Expression:
    left, right = _both(operands)
    return lambda request: bool(left(request) < right(request))


def _at_most(operands: Mapping[str, Any]) -> Expression:
    left, right = _both(operands)
    return lambda request: bool(left(request) <= right(request))


def _contains(operands: Mapping[str, Any]) -> Expression:
    left, right = _both(operands)
    return lambda request: right(request) in _a_set(left(request))


def _contains_any(operands: Mapping[str, Any]) -> Expression:
    left, right = _both(operands)
    return lambda request: not _a_set(left(request)).isdisjoint(_a_set(right(request)))


def _in(operands: Mapping[str, Any]) -> Expression:
    """Only of the action: whether it is one of these, or in a group that is."""
    if operands["left"] != {"Var": "action"}:
        raise PolicyError("`in` is used of the action only")
    right = _expression(operands["right"])
    return lambda request: not request.groups.isdisjoint(_a_set(right(request)))


def _is(operands: Mapping[str, Any]) -> Expression:
    """Only of the principal and the resource."""
    wanted = operands["entity_type"]
    match operands["left"]:
        case {"Var": "principal"}:
            return lambda request: request.principal_type == wanted
        case {"Var": "resource"}:
            return lambda request: request.resource_type == wanted
    raise PolicyError("`is` is used of the principal and the resource only")


def _both(operands: Mapping[str, Any]) -> tuple[Expression, Expression]:
    return _expression(operands["left"]), _expression(operands["right"])


def _a_set(value: Any) -> frozenset[Any]:
    if isinstance(value, frozenset):
        return value
    raise TypeError("no set")


_NOTHING = Request("", {}, "", {}, {}, ("", ""), frozenset(), {})
_FORMS: Mapping[str, Callable[[Any], Expression]] = {
    "Value": _value,
    "Var": _variable,
    ".": _attribute,
    "has": _has,
    "Set": _set,
    "&&": _and,
    "||": _or,
    "!": _not,
    "==": _equal,
    "!=": _unequal,
    "<": _less,
    "<=": _at_most,
    "contains": _contains,
    "containsAny": _contains_any,
    "in": _in,
    "is": _is,
}

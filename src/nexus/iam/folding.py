"""Works out beforehand what is the same for every question of a slice: who is what, which action it is, which roles are held.

Exactly as Cedar would decide it, from left to right; what depends on the request itself is left as it is. A property test
and `bench/authorisation.py --differential` compare the outcome with Cedar.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

Expression = Mapping[str, Any]
TRUE: Expression = {"Value": True}
FALSE: Expression = {"Value": False}


class Known(NamedTuple):
    """What is the same for every question of a slice. `groups`: those that the action is in, and itself."""

    action: str
    groups: frozenset[str]
    principal_type: str
    resource_type: str
    held: frozenset[str]
    """Optional attributes that the principal has."""
    absent: frozenset[str]
    """Those that it has not."""


def conditions_left(conditions: Sequence[Mapping[str, Any]], known: Known) -> list[Mapping[str, Any]] | None:
    """The conditions of a policy that remain to be looked at; None if one of them can never hold."""
    left: list[Mapping[str, Any]] = []
    for each in conditions:
        body = folded(each["body"], known)
        if each["kind"] == "when" and _never(body):
            return None
        if each["kind"] == "unless" and body == TRUE:
            return None
        if body != (TRUE if each["kind"] == "when" else FALSE):
            left.append({**each, "body": body})
    return left


def _never(body: Expression) -> bool:
    """Whether it is true for no question: it may be an error for some, which permits and forbids nothing either."""
    match body:
        case {"&&": {"left": left, "right": right}}:
            return _never(left) or _never(right)
        case {"||": {"left": left, "right": right}}:
            return _never(left) and _never(right)
    return body == FALSE


def folded(node: Expression, known: Known) -> Expression:
    """The expression with what is known put in: `TRUE` or `FALSE` where nothing else remains."""
    match node:
        case {"&&": {"left": left, "right": right}}:
            return _both(folded(left, known), folded(right, known))
        case {"||": {"left": left, "right": right}}:
            return _either(folded(left, known), folded(right, known))
        case {"!": {"arg": inner}}:
            return _opposite(folded(inner, known))
    answer = _answered(node, known)
    return node if answer is None else TRUE if answer else FALSE


def _both(left: Expression, right: Expression) -> Expression:
    if left == FALSE:
        return FALSE
    if left == TRUE:
        return right
    return left if right == TRUE else {"&&": {"left": left, "right": right}}


def _either(left: Expression, right: Expression) -> Expression:
    if left == TRUE:
        return TRUE
    if left == FALSE:
        return right
    return left if right == FALSE else {"||": {"left": left, "right": right}}


def _opposite(inner: Expression) -> Expression:
    if inner in (TRUE, FALSE):
        return FALSE if inner == TRUE else TRUE
    return {"!": {"arg": inner}}


def _answered(node: Expression, known: Known) -> bool | None:
    """Yes or no where the slice alone says it; forms that are not read here are left to the evaluator."""
    match node:
        case {"has": {"left": {"Var": "principal"}, "attr": str(name)}}:
            return True if name in known.held else False if name in known.absent else None
        case {"is": {"left": {"Var": "principal"}, "entity_type": str(named), **rest}} if "in" not in rest:
            return named == known.principal_type
        case {"is": {"left": {"Var": "resource"}, "entity_type": str(named), **rest}} if "in" not in rest:
            return named == known.resource_type
        case {"==": {"left": {"Var": "action"}, "right": {"Value": {"__entity": {"type": "Action", "id": named}}}}}:
            return bool(named == known.action)
        case {"in": {"left": {"Var": "action"}, "right": {"Set": [*listed]}}}:
            names = [_action(each) for each in listed]
            return None if None in names else not known.groups.isdisjoint(name for name in names if name)
    return None


def _action(node: Any) -> str | None:
    match node:
        case {"Value": {"__entity": {"type": "Action", "id": str(named)}}}:
            return named
    return None

"""Bucket policies: S3's JSON documents, read strictly and evaluated as a pure function.

Whatever this program does not understand in a policy is refused when it is stored (`MalformedPolicy`), never skipped when
it is evaluated: a condition that is not looked at would let in, or keep out, whom its author did not mean.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.permissions import KNOWN
from nexus.objects.s3.policy_conditions import Condition, Context, glob
from nexus.objects.s3.policy_conditions import read as read_conditions

MAX_POLICY = 20 * 1024
"""Bytes of a policy, as in S3."""
MAX_STATEMENTS = 100
ARN: Final = "arn:aws:s3:::"
ANYBODY: Final = "*"
_VERSIONS: Final = ("2012-10-17", "2008-10-17")
_FIELDS: Final = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)


class Effect(Enum):
    """What a statement does where it applies."""

    ALLOW = "Allow"
    DENY = "Deny"


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks. `account` is the site; `anonymous` has neither id nor account."""

    id: str
    account: str = ""
    anonymous: bool = False
    service: str = ""


@dataclass(frozen=True, slots=True)
class Principals:
    """Whom a statement is about: names as the policy writes them, without `arn:aws:iam::`."""

    names: frozenset[str]
    services: frozenset[str] = frozenset()
    inverted: bool = False

    def include(self, who: Who) -> bool:
        if who.service:
            found = who.service in self.services
        elif ANYBODY in self.names:
            found = True
        elif who.anonymous:
            found = False
        else:
            own = {who.id, f"{who.account}:user/{who.id}", f":user/{who.id}", f"{who.account}:root", who.account or "-"}
            found = not own.isdisjoint(self.names)
        return found != self.inverted

    @property
    def everybody(self) -> bool:
        return ANYBODY in self.names and not self.inverted


@dataclass(frozen=True, slots=True)
class Patterns:
    """Names with `*` and `?`, or all names but those."""

    patterns: tuple[str, ...]
    inverted: bool = False

    def match(self, name: str) -> bool:
        return any(glob(pattern, name) for pattern in self.patterns) != self.inverted


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `actions` are in lower case: S3 compares them so."""

    effect: Effect
    principals: Principals
    actions: Patterns
    resources: Patterns
    conditions: tuple[Condition, ...]

    def applies(self, who: Who, permission: str, resource: str, context: Context) -> bool:
        """Whether all of it is true of a request."""
        return (
            self.actions.match(permission.lower())
            and self.resources.match(resource)
            and self.principals.include(who)
            and all(condition.holds(context) for condition in self.conditions)
        )

    @property
    def public(self) -> bool:
        """Whether it lets in everybody: by S3's own measure, a restriction of addresses is one, others are not."""
        return (
            self.effect is Effect.ALLOW
            and self.principals.everybody
            and not any(condition.narrows for condition in self.conditions)
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy that was understood."""

    statements: tuple[Statement, ...]

    def decide(self, who: Who, permission: str, resource: str, context: Context) -> Effect | None:
        """DENY where any statement that applies denies; else ALLOW where one allows; else None."""
        effects = {s.effect for s in self.statements if s.applies(who, permission, resource, context)}
        if Effect.DENY in effects:
            return Effect.DENY
        return Effect.ALLOW if effects else None

    @property
    def public(self) -> bool:
        return any(statement.public for statement in self.statements)

    @property
    def allows_anything(self) -> bool:
        """Whether it holds a statement that lets in, whomever."""
        return any(statement.effect is Effect.ALLOW for statement in self.statements)

    @property
    def looks_at_tags(self) -> bool:
        """Whether a decision needs the tags of the object."""
        return any(condition.looks_at_tags for s in self.statements for condition in s.conditions)


def read(body: bytes, bucket: str, *, whole: bool = False) -> Policy:
    """The policy of a bucket. Raises Refusal with MalformedPolicy on anything that is not fully understood.

    `whole`: a statement without a resource is about the bucket and everything in it.
    """
    return Policy(tuple(_statement(each, bucket, whole=whole) for each in _statements(body)))


def read_session(body: bytes) -> Policy:
    """A session policy: of whoever holds the key, so without principals, and about any bucket. Raises the same Refusal."""
    return Policy(tuple(_session_statement(each) for each in _statements(body)))


def _statements(body: bytes) -> list[Any]:
    if len(body) > MAX_POLICY:
        raise Refusal(errors.MALFORMED_POLICY, f"a policy has at most {MAX_POLICY} bytes")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refusal(errors.MALFORMED_POLICY, "Policies must be valid JSON") from error
    if not isinstance(document, dict) or not set(document) <= {"Version", "Id", "Statement"}:
        raise Refusal(errors.MALFORMED_POLICY, "a policy is an object with Version, Id and Statement")
    if document.get("Version", _VERSIONS[1]) not in _VERSIONS:
        raise Refusal(errors.MALFORMED_POLICY, "Version must be 2012-10-17")
    statements = document.get("Statement")
    listed = statements if isinstance(statements, list) else [statements]
    if not 1 <= len(listed) <= MAX_STATEMENTS:
        raise Refusal(errors.MALFORMED_POLICY, f"a policy has 1 to {MAX_STATEMENTS} statements")
    return listed


def _session_statement(raw: Any) -> Statement:
    if isinstance(raw, dict) and ("Principal" in raw or "NotPrincipal" in raw):
        raise Refusal(errors.MALFORMED_POLICY, "a session policy names no principal")
    return _statement({**raw, "Principal": ANYBODY} if isinstance(raw, dict) else raw, None)


def _statement(raw: Any, bucket: str | None, *, whole: bool = False) -> Statement:
    if not isinstance(raw, dict) or not set(raw) <= _FIELDS:
        raise Refusal(errors.MALFORMED_POLICY, "Syntax errors in policy: unknown field in a statement")
    try:
        effect = Effect(raw.get("Effect"))
    except ValueError as error:
        raise Refusal(errors.MALFORMED_POLICY, "Invalid effect") from error
    principals = _principals(raw)
    if effect is Effect.ALLOW and principals.inverted:
        raise Refusal(errors.MALFORMED_POLICY, "Allow with NotPrincipal is not allowed")
    if whole and "Resource" not in raw and "NotResource" not in raw:
        raw = {**raw, "Resource": [f"{ARN}{bucket}", f"{ARN}{bucket}/*"]}
    return Statement(effect, principals, _actions(raw), _resources(raw, bucket), read_conditions(raw.get("Condition")))


def _principals(raw: Mapping[str, Any]) -> Principals:
    inverted = "NotPrincipal" in raw
    if inverted == ("Principal" in raw):
        raise Refusal(errors.MALFORMED_POLICY, "a statement needs either Principal or NotPrincipal")
    given = raw["NotPrincipal" if inverted else "Principal"]
    if given == ANYBODY:
        return Principals(frozenset({ANYBODY}), inverted=inverted)
    if not isinstance(given, dict) or not given or not set(given) <= {"AWS", "CanonicalUser", "Service"}:
        raise Refusal(errors.MALFORMED_POLICY, "Invalid principal in policy")
    named = [_principal(name) for kind in ("AWS", "CanonicalUser") for name in _texts(given.get(kind, []))]
    return Principals(frozenset(named), frozenset(_texts(given.get("Service", []))), inverted)


def _principal(name: str) -> str:
    stem = name.removeprefix("arn:aws:iam::").removeprefix("arn:aws:sts::")
    if not stem or (ANYBODY in stem and stem != ANYBODY):
        raise Refusal(errors.MALFORMED_POLICY, "Invalid principal in policy")
    return stem


def _actions(raw: Mapping[str, Any]) -> Patterns:
    names, inverted = _either(raw, "Action")
    lowered = tuple(name.lower() for name in names)
    for pattern in lowered:
        if not any(glob(pattern, known.lower()) for known in KNOWN):
            raise Refusal(errors.MALFORMED_POLICY, "Policy has invalid action")
    return Patterns(lowered, inverted)


def _resources(raw: Mapping[str, Any], bucket: str | None) -> Patterns:
    names, inverted = _either(raw, "Resource")
    for name in names:
        named = name.removeprefix(ARN).split("/", 1)[0]
        foreign = not name.startswith(ARN) or (bucket is not None and not glob(named, bucket))
        if name != ANYBODY and foreign:
            raise Refusal(errors.MALFORMED_POLICY, "Policy has invalid resource")
    return Patterns(names, inverted)


def _either(raw: Mapping[str, Any], name: str) -> tuple[tuple[str, ...], bool]:
    """The texts of `Name` or `NotName`, and whether it was the latter."""
    inverted = f"Not{name}" in raw
    if inverted == (name in raw):
        raise Refusal(errors.MALFORMED_POLICY, f"a statement needs either {name} or Not{name}")
    texts = _texts(raw[f"Not{name}" if inverted else name])
    if not texts:
        raise Refusal(errors.MALFORMED_POLICY, f"{name} is empty")
    return texts, inverted


def _texts(value: Any) -> tuple[str, ...]:
    listed: Sequence[Any] = value if isinstance(value, list) else [value]
    if not all(isinstance(text, str) and "${" not in text for text in listed):
        raise Refusal(errors.MALFORMED_POLICY, "Syntax errors in policy: texts without variables are expected")
    return tuple(listed)

"""Pure rules: what a scope is, which scopes a resource lies in, what may be granted. No clock, no database, no policy."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nexus.iam.model import (
    FRESH_FACTOR,
    MACHINE_ROLES,
    MAX_CREDENTIAL,
    MAX_GRANT,
    PLATFORM_SCOPE,
    PRIVILEGED_ROLES,
    IdentityKind,
    Role,
)
from nexus.iam.supervision import EMERGENCY_ROLES
from nexus.kernel.clock import DAY, MINUTE, Instant
from nexus.kernel.errors import Denied, Invalid, StepUpNeeded
from nexus.kernel.operation import Operation, Resource
from nexus.web.content import content_digest

LOGIN = re.compile(r"[a-z0-9][a-z0-9._-]{2,63}")
EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")
SCOPE = re.compile(r"platform|(?:site|project|bucket):[a-z0-9][a-z0-9.-]{0,62}")
MAX_PAGE = 1_000
"""Rows in one answer at most; `after` is the id of the last row of the page before."""
MAX_NAME = 128
"""Characters in a name or a label."""
MIN_REASON, MAX_REASON = 10, 500
"""Characters of a stated reason."""

SCOPED_BY = ("site", "project")
"""Attributes of a resource that put it into a scope of the same name."""
FACTS: Mapping[str, tuple[str, ...]] = {
    "Platform": (),
    "Key": (),
    "Bucket": ("kind",),
    "Identity": ("person", "created_by"),
    "Log": (),
    "Project": (),
    "Subject": (),
    "Register": (),
    "Eligibility": ("person", "role", "kind", "approval"),
    "Approval": ("requester", "approver_role"),
}
"""What a decision looks at besides the scopes, by resource type: these attributes and no others."""
OPTIONAL_FACTS: Mapping[str, tuple[str, ...]] = {"Identity": ("role", "privileged"), "Bucket": ("project",)}
"""The same, for those that have them."""
SETS: Mapping[str, tuple[str, ...]] = {"Subject": ("holders",)}
"""The same, for sets of names: in a resource, text with spaces between the names."""


@dataclass(frozen=True, slots=True)
class ResourceFacts:
    """A resource, reduced to what a decision looks at."""

    type: str
    id: str
    scopes: tuple[str, ...]
    attributes: tuple[tuple[str, str | frozenset[str]], ...]

    def entity(self) -> dict[str, Any]:
        """The resource in Cedar's JSON form."""
        attributes = {name: fact if isinstance(fact, str) else sorted(fact) for name, fact in self.attributes}
        return {
            "uid": {"type": self.type, "id": self.id},
            "attrs": {"scopes": list(self.scopes), **attributes},
            "parents": [],
        }


def facts_of(resource: Resource) -> ResourceFacts:
    """Reduce a resource. Missing facts are empty, which no policy permits; raises ValueError on any other oddity."""
    attributes = resource.attributes
    facts: list[tuple[str, str | frozenset[str]]] = [(name, _text(attributes, name)) for name in FACTS[resource.type]]
    facts += [(name, frozenset(_text(attributes, name).split())) for name in SETS.get(resource.type, ())]
    for name in OPTIONAL_FACTS.get(resource.type, ()):
        if text := _text(attributes, name):
            facts.append((name, text))
    return ResourceFacts(resource.type, resource.id, scopes_of(resource), tuple(facts))


def scopes_of(resource: Resource) -> tuple[str, ...]:
    """The scopes that a resource lies in: a grant for any of them reaches it."""
    scopes = [PLATFORM_SCOPE]
    for name in SCOPED_BY:
        if value := _text(resource.attributes, name):
            scopes.append(f"{name}:{value}")
    if resource.type == "Bucket":
        scopes.append(f"bucket:{resource.id}")
    if resource.type == "Identity" and (scope := _text(resource.attributes, "scope")):
        scopes.append(scope)  # where a right is granted: those who administer that scope may
    return tuple(scopes)


def _text(attributes: Mapping[str, Any], name: str) -> str:
    value = attributes.get(name, "")
    if not isinstance(value, str):
        raise ValueError(f"the attribute {name} is not text")
    return value


def check_grant(role: Role, scope: str, kind: IdentityKind, *, starts_at: int, ends_at: int, now: Instant) -> None:
    """Refuse a right that nobody may have. Raises Invalid or Denied."""
    if SCOPE.fullmatch(scope) is None:
        raise Invalid(
            "the scope is not one", code="iam.scope", hint="platform, site:<name>, project:<name> or bucket:<name>"
        )
    if role in PRIVILEGED_ROLES and scope != PLATFORM_SCOPE:
        raise Invalid(f"{role} is granted for the whole platform only", code="iam.scope", hint="use the scope platform")
    if kind is IdentityKind.MACHINE and role not in MACHINE_ROLES:
        held = ", ".join(sorted(MACHINE_ROLES))
        raise Denied(f"a machine may not be {role}", code="iam.machine-role", hint=f"machines may hold: {held}")
    check_period(starts_at, ends_at, now, longest=MAX_GRANT)


def check_emergency(role: Role, scope: str) -> None:
    """Refuse what break-glass may never open. Raises Denied or Invalid."""
    if role not in EMERGENCY_ROLES:
        held = ", ".join(sorted(EMERGENCY_ROLES))
        raise Denied(f"break-glass never opens {role.value}", code="iam.emergency-role", hint=f"it may open: {held}")
    if not scope.startswith(("site:", "project:")):
        raise Invalid("break-glass opens a site or a project", code="iam.emergency-scope")


def check_period(starts_at: int, ends_at: int, now: Instant, *, longest: int) -> None:
    """Refuse a period that is empty, over, or too long. Raises Invalid."""
    if ends_at <= max(starts_at, now):
        raise Invalid("the end date is in the past, or before the start", code="iam.period")
    if ends_at - max(starts_at, now) > longest:
        days = longest // DAY
        raise Invalid("the end date is too far away", code="iam.period", hint=f"{days} days at most; renew it then")


def check_credential_end(expires_at: int, now: Instant) -> None:
    """Refuse a credential that lasts too long or not at all. Raises Invalid."""
    check_period(now, expires_at, now, longest=MAX_CREDENTIAL)


def check_name(name: str) -> str:
    """A name or label without its surrounding spaces. Raises Invalid."""
    clean = " ".join(name.split())
    if not 1 <= len(clean) <= MAX_NAME or not clean.isprintable():
        raise Invalid(
            "the name is empty, too long or not printable", code="iam.name", hint=f"1 to {MAX_NAME} characters"
        )
    return clean


def check_reason(reason: str) -> str:
    """A stated reason without its surrounding spaces. Raises Invalid."""
    clean = " ".join(reason.split())
    if not MIN_REASON <= len(clean) <= MAX_REASON or not clean.isprintable():
        raise Invalid(
            "the reason is too short, too long or not printable",
            code="iam.reason",
            hint=f"{MIN_REASON} to {MAX_REASON} characters that a reviewer understands; name no patient",
        )
    return clean


def require_fresh_factor(op: Operation, now: Instant, *content: str) -> None:
    """Refuse whoever did not prove a factor in this session of late; every door then asks for one, and goes on.

    Raises StepUpNeeded, for a digest of `content`, or Denied where there is no session to prove it in.
    """
    if op.actor.session is None:
        raise Denied(
            "this needs a session with a fresh factor",
            code="iam.step-up-impossible",
            hint="sign in; machines, service tokens and access keys do nothing that asks for it",
        )
    proved_at = op.actor.proved_at
    if proved_at is None or not 0 <= now - proved_at <= FRESH_FACTOR:
        raise StepUpNeeded(
            "this needs a factor proved just now",
            digest=content_digest(*content),
            code="iam.step-up-needed",
            hint=f"prove it with iam.step-up.prove for `digest`, then send the same request within {FRESH_FACTOR // MINUTE}"
            " minutes",
        )


def check_login(login: str) -> str:
    """The login in lower case. Raises Invalid."""
    clean = login.strip().lower()
    if LOGIN.fullmatch(clean) is None:
        raise Invalid(
            "the login is not one", code="iam.login", hint="3 to 64 of a-z 0-9 . _ -, first a letter or digit"
        )
    return clean


def check_email(email: str) -> str:
    """The address in lower case. Raises Invalid."""
    clean = email.strip().lower()
    if EMAIL.fullmatch(clean) is None:
        raise Invalid("the e-mail address is not one", code="iam.email")
    return clean


def page_size(limit: int) -> int:
    """The limit that a caller asks for. Raises Invalid if it is none."""
    if not 1 <= limit <= MAX_PAGE:
        raise Invalid(f"a page has 1 to {MAX_PAGE} rows", code="iam.page")
    return limit

"""Errors as OperationOutcome: what was refused, why, and which element."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from nexus.kernel.errors import Invalid, NexusError
from nexus.web.problem import headers_of, problem_of

ISSUE_OF_KIND: Final[Mapping[str, str]] = {
    "invalid": "invalid",
    "unauthenticated": "login",
    "step-up-needed": "login",
    "denied": "forbidden",
    "not-found": "not-found",
    "conflict": "conflict",
    "throttled": "throttled",
    "unavailable": "transient",
    "sealed": "transient",
    "damaged": "exception",
    "internal": "exception",
}
"""Kind of an error -> `OperationOutcome.issue.code`."""
ISSUE_OF_CODE: Final[Mapping[str, str]] = {
    "web.body-too-large": "too-long",
    "web.url-too-long": "too-long",
    "web.media-type": "not-supported",
    "web.no-route": "not-found",
    "web.method": "not-supported",
    "web.timeout": "timeout",
    "web.slow-body": "timeout",
}
"""Codes of the door that FHIR has a word of its own for."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing that is wrong. `code` is of FHIR's issue types; `expression` names the element (FHIRPath)."""

    code: str
    diagnostics: str
    expression: str = ""
    severity: str = "error"


class Misfit(Invalid):
    """A request that FHIR allows, or not even that, and that we do not take. `issues` name the elements.

    It is raised where the body is read, so after its sender is known, and leaves its entry like every refusal.
    """

    def __init__(self, status: int, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__("the resource is not taken", code="consent.fhir", hint="the answer names each element")
        self.status = status


class Refused(Exception):
    """What an operation answered instead of a result."""

    def __init__(
        self, status: int, issues: Iterable[Issue], headers: Mapping[str, str] | None = None, *, code: str = ""
    ) -> None:
        self.issues = tuple(issues)
        super().__init__("; ".join(issue.code for issue in self.issues))
        self.status = status
        self.headers = dict(headers or {})
        self.code = code

    @property
    def stale(self) -> bool:
        """Whether somebody decided about the same subject meanwhile."""
        return self.code == "consent.stale"


def unsupported(expression: str, why: str) -> Misfit:
    """A resource that says something which would not be enforced."""
    return Misfit(422, [Issue("not-supported", why, expression)])


def invalid(why: str, expression: str = "", *, status: int = 400) -> Misfit:
    """A request that is malformed."""
    return Misfit(status, [Issue("invalid", why, expression)])


def not_found(type_: str, headers: Mapping[str, str] | None = None) -> Refused:
    """The same words for what does not exist and for what the asker may not learn of."""
    return Refused(404, [Issue("not-found", f"there is no such {type_}")], headers)


def refused(error: NexusError) -> Refused:
    """An error of the door itself."""
    if isinstance(error, Misfit):
        return Refused(error.status, error.issues)
    problem = problem_of(error)
    return of_problem(problem.status, msgspec.to_builtins(problem), headers_of(error))


def of_problem(status: int, problem: Mapping[str, Any], headers: Mapping[str, str]) -> Refused:
    """What an operation answered (RFC 9457), in FHIR's words."""
    code, kind = str(problem.get("code", "")), str(problem.get("kind", "internal"))
    said, hint = str(problem.get("detail", "")), str(problem.get("hint", ""))
    issue = ISSUE_OF_CODE.get(code, ISSUE_OF_KIND.get(kind, "exception"))
    return Refused(status, [Issue(issue, f"{said} ({hint})" if hint else said)], headers, code=code)


def outcome(issues: Sequence[Issue]) -> dict[str, Any]:
    """An OperationOutcome; the same in R4 and R5."""
    return {"resourceType": "OperationOutcome", "issue": [_issue(issue) for issue in issues]}


def _issue(issue: Issue) -> dict[str, Any]:
    said: dict[str, Any] = {"severity": issue.severity, "code": issue.code}
    if issue.diagnostics:
        said["diagnostics"] = issue.diagnostics
    if issue.expression:
        said["expression"] = [issue.expression]
    return said

"""Errors in SCIM's form (RFC 7644, section 3.12)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response

from nexus.kernel.errors import NexusError
from nexus.web.problem import problem_of

MEDIA_TYPE: Final = "application/scim+json"
SCHEMA: Final = "urn:ietf:params:scim:api:messages:2.0:Error"
_TYPE_OF_CODE: Final[Mapping[str, str]] = {
    "iam.person-exists": "uniqueness",
    "scim.filter": "invalidFilter",
    "scim.path": "invalidPath",
    "scim.mutability": "mutability",
    "scim.value": "invalidValue",
    "scim.syntax": "invalidSyntax",
    "web.not-json": "invalidSyntax",
    "web.json-too-deep": "invalidSyntax",
    "web.invalid-request": "invalidValue",
    "iam.login": "invalidValue",
    "iam.email": "invalidValue",
    "iam.name": "invalidValue",
    "iam.external-id": "invalidValue",
}
_STATUS_OF_CODE: Final[Mapping[str, int]] = {"iam.version": 412}


class Refused(Exception):
    """An operation said no: what it answered."""

    def __init__(self, status: int, problem: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        super().__init__(str(problem.get("code", "")))
        self.status = status
        self.problem = problem
        self.headers = headers


def refusal(error: NexusError | Refused) -> Response:
    """The answer to a call that was refused."""
    if isinstance(error, Refused):
        status = _STATUS_OF_CODE.get(str(error.problem.get("code", "")), error.status)
        return _response(status, error.problem, error.headers)
    problem = problem_of(error)
    return _response(problem.status, {"detail": problem.detail, "code": problem.code, "hint": problem.hint}, {})


def _response(status: int, problem: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    code, hint = str(problem.get("code", "")), str(problem.get("hint", ""))
    said = str(problem.get("detail", ""))
    document = {"schemas": [SCHEMA], "status": str(status), "detail": f"{said} ({hint})" if hint else said}
    if code in _TYPE_OF_CODE:
        document["scimType"] = _TYPE_OF_CODE[code]
    return Response(msgspec.json.encode(document), status, dict(headers), MEDIA_TYPE)

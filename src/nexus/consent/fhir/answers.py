"""Answers: a resource, a bundle, the outcome of a change, a refusal; each with the headers that FHIR wants."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from nexus.consent.fhir.calls import Asked
from nexus.consent.fhir.negotiation import etag, last_modified, media_type, preferred
from nexus.consent.fhir.releases import Release
from nexus.consent.fhir.troubles import Issue, Refused, outcome
from nexus.kernel.clock import parse_rfc3339


def resource(asked: Asked, document: Mapping[str, Any]) -> Response:
    """A resource that was read."""
    return _response(asked.release, document, 200, _versioned(document))


def bundle(asked: Asked, document: Mapping[str, Any]) -> Response:
    """A bundle."""
    return _response(asked.release, document, 200, {})


def changed(asked: Asked, document: Mapping[str, Any], status: int, done: str) -> Response:
    """A resource that was made or changed, as the client prefers to hear of it."""
    headers = _versioned(document)
    version = document["meta"]["versionId"]
    headers["Location"] = f"{asked.base}/{document['resourceType']}/{document['id']}/_history/{version}"
    wanted = preferred(asked.request.headers)
    if wanted == "minimal":
        return Response(status_code=status, headers=headers)
    if wanted == "OperationOutcome":
        return _response(
            asked.release, outcome([Issue("informational", done, severity="information")]), status, headers
        )
    return _response(asked.release, document, status, headers)


def told(asked: Asked, done: str) -> Response:
    """The outcome of an operation that has no resource to show."""
    return _response(asked.release, outcome([Issue("informational", done, severity="information")]), 200, {})


def refusal(release: Release, error: Refused) -> Response:
    """The answer to what was refused."""
    return _response(release, outcome(_known(error.issues)), error.status, error.headers)


def _known(issues: Sequence[Issue]) -> Sequence[Issue]:
    return issues or [Issue("exception", "")]


def _versioned(document: Mapping[str, Any]) -> dict[str, str]:
    meta = document.get("meta", {})
    if "versionId" not in meta:
        return {}
    return {"ETag": etag(meta["versionId"]), "Last-Modified": last_modified(parse_rfc3339(meta["lastUpdated"]))}


def _response(release: Release, document: Any, status: int, headers: Mapping[str, str]) -> Response:
    return Response(msgspec.json.encode(document), status, dict(headers), media_type(release))

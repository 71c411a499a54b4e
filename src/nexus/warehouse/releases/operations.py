"""Every operation on releases; the doors are generated from `OPERATIONS`."""

from typing import Any, Final

from nexus.kernel.operation import OperationSpec
from nexus.warehouse.releases.comparing import ReleaseDiff
from nexus.warehouse.releases.requests import (
    CompareReleases,
    ListReleases,
    NamedRelease,
    ReleaseManifest,
    Releases,
    ReleaseView,
    RequestRelease,
    RetireRelease,
)
from nexus.warehouse.releases.service import READ, ReleaseService, resource


def _spec(
    verb: str, route: str, summary: str, request: type[Any], result: type[Any], *, run: Any, action: str = ""
) -> OperationSpec:
    """`route` is `METHOD /path`, below a project."""
    method, path = route.split(" ")
    name = f"releases.release.{verb}"
    return OperationSpec(
        name,
        "releases",
        method,
        f"/v1/projects/{{project}}{path}",
        summary,
        request,
        result,
        action or name,
        run,
        resource,
    )


OPERATIONS: Final[tuple[OperationSpec, ...]] = (
    _spec(
        "request",
        "POST /releases",
        "Have a release built for a project",
        RequestRelease,
        ReleaseView,
        run=ReleaseService.request,
    ),
    _spec(
        "list",
        "GET /releases",
        "List the releases of a project",
        ListReleases,
        Releases,
        run=ReleaseService.list,
        action=READ,
    ),
    _spec(
        "read",
        "GET /releases/{release}",
        "Show a release, its tables and how far its build is",
        NamedRelease,
        ReleaseView,
        run=ReleaseService.read,
    ),
    _spec(
        "manifest",
        "GET /releases/{release}/manifest",
        "Give the signed manifest of a release",
        NamedRelease,
        ReleaseManifest,
        run=ReleaseService.manifest,
        action=READ,
    ),
    _spec(
        "compare",
        "GET /releases/{release}/differences/{since}",
        "Show what differs between two releases of a project",
        CompareReleases,
        ReleaseDiff,
        run=ReleaseService.compare,
        action=READ,
    ),
    _spec(
        "open",
        "POST /releases/{release}/opening",
        "Open a release to the members of its project",
        NamedRelease,
        ReleaseView,
        run=ReleaseService.open,
    ),
    _spec(
        "retire",
        "POST /releases/{release}/retirement",
        "Retire a release: destroy the key of its files",
        RetireRelease,
        ReleaseView,
        run=ReleaseService.retire,
    ),
)

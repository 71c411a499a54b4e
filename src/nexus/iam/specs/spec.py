"""How an operation of this service is written down, and the resources that many of them act on."""

from collections.abc import Awaitable, Callable
from typing import Any

from nexus.iam.requests.forms import ById
from nexus.iam.service import IdentityService
from nexus.kernel.operation import PLATFORM, OperationSpec, Resource

Run = Callable[[IdentityService, Any, Any], Awaitable[Any]]
ResourceOf = Callable[[IdentityService, Any], Resource]


def of_platform(service: IdentityService, request: Any) -> Resource:
    """The platform as a whole."""
    return PLATFORM


def by_id(service: IdentityService, request: ById) -> Resource:
    """The identity that `id` names."""
    return service.resources.identity(request.id)


def of_identity(service: IdentityService, request: Any) -> Resource:
    """The identity that `identity` names."""
    return service.resources.identity(request.identity)


def spec(  # noqa: PLR0917 - a table reads best without keywords
    name: str,
    route: str,
    summary: str,
    request: type[Any],
    result: Any,
    run: Run,
    resource: ResourceOf = of_platform,
    *,
    action: str | None = None,
    sensitive: bool = False,
    step_up: bool = False,
    secret_result: bool = False,
) -> OperationSpec:
    """`route` is `METHOD /path`. The action has the name of the operation unless said otherwise."""
    method, path = route.split(" ")
    needs = name if action is None else action
    return OperationSpec(
        name, "iam", method, path, summary, request, result, needs, run, resource, sensitive, step_up, secret_result
    )

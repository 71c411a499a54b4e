"""Analysis of rights and decisions."""

from nexus.iam.requests.analysis import (
    Explain,
    Explanation,
    Holders,
    Powers,
    Unused,
    UnusedRights,
    WhatCan,
    WhatIf,
    WhoCan,
)
from nexus.iam.specs.spec import of_platform, spec
from nexus.kernel.operation import OperationSpec

OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.who-can",
        "GET /v1/analysis/who-can/{action}/{resource}",
        "Find out who may do something, by which right, until when",
        WhoCan,
        Holders,
        lambda service, op, request: service.analysis.who_can(op, request),
        of_platform,
    ),
    spec(
        "iam.what-can",
        "GET /v1/analysis/what-can/{person}",
        "See what a person or a machine may do, right by right",
        WhatCan,
        Powers,
        lambda service, op, request: service.analysis.what_can(op, request),
        lambda service, request: service.resources.identity(request.person),
    ),
    spec(
        "iam.explain",
        "GET /v1/analysis/decisions/{decision}",
        "Explain a decision that was made",
        Explain,
        Explanation,
        lambda service, op, request: service.explaining.explain(op, request),
        of_platform,
    ),
    spec(
        "iam.what-if",
        "GET /v1/analysis/what-if/{actor}/{action}/{resource}",
        "Try a decision without doing anything",
        WhatIf,
        Explanation,
        lambda service, op, request: service.explaining.what_if(op, request),
        lambda service, request: service.resources.identity(request.actor),
    ),
    spec(
        "iam.unused-rights",
        "GET /v1/analysis/unused-rights",
        "List the rights that nobody has used for a while",
        UnusedRights,
        Unused,
        lambda service, op, request: service.usage.unused(op, request),
        lambda service, request: service.resources.granted_in(request.identity),
    ),
)

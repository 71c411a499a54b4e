"""Access reviews."""

from typing import Any

from nexus.iam.requests.forms import ById, Page
from nexus.iam.requests.reviews import ListItems, OpenReview, ReviewItems, ReviewItemView, Reviews, ReviewView
from nexus.iam.service import IdentityService
from nexus.iam.specs.spec import spec
from nexus.kernel.operation import OperationSpec, Resource


def _item(service: IdentityService, request: Any) -> Resource:
    """Who holds what an item is about, within reach of those who administer its scope."""
    return service.resources.review_item(request.id)


OPERATIONS: tuple[OperationSpec, ...] = (
    spec(
        "iam.review.open",
        "POST /v1/reviews",
        "Open a review of every right and credential",
        OpenReview,
        ReviewView,
        lambda service, op, request: service.reviews.open(op, request),
    ),
    spec(
        "iam.review.list",
        "GET /v1/reviews",
        "List the reviews of rights and credentials",
        Page,
        Reviews,
        lambda service, op, request: service.reviews.list_reviews(op, request),
    ),
    spec(
        "iam.review.items",
        "GET /v1/reviews/{id}/items",
        "List what one may judge in a review, and what of one's own is in it",
        ListItems,
        ReviewItems,
        lambda service, op, request: service.reviews.list_items(op, request),
    ),
    spec(
        "iam.review.renew",
        "POST /v1/review-items/{id}/renew",
        "Renew a right or a credential of somebody else: it goes on until its own end",
        ById,
        ReviewItemView,
        lambda service, op, request: service.reviews.renew(op, request),
        _item,
    ),
    spec(
        "iam.review.end",
        "POST /v1/review-items/{id}/end",
        "End a right or a credential of somebody else at once",
        ById,
        ReviewItemView,
        lambda service, op, request: service.reviews.end(op, request),
        _item,
    ),
    spec(
        "iam.review.restore",
        "POST /v1/review-items/{id}/restore",
        "Give back what a review suspended because nobody had judged it",
        ById,
        ReviewItemView,
        lambda service, op, request: service.reviews.restore(op, request),
        _item,
    ),
)

"""Access reviews: what their operations take and return."""

from nexus.iam.requests.forms import Request, Result
from nexus.iam.supervision import ItemKind, ItemVerdict
from nexus.kernel.clock import Instant


class OpenReview(Request, frozen=True, kw_only=True):
    """A campaign over every right and credential, for some days, 7 to 90."""

    days: int = 30


class ReviewView(Result, frozen=True, kw_only=True):
    """A campaign; `waiting` of its items have no verdict yet."""

    id: str
    opened_by: str
    opened_at: Instant
    deadline: Instant
    closed_at: Instant | None
    waiting: int


class Reviews(Result, frozen=True, kw_only=True):
    """Campaigns."""

    reviews: tuple[ReviewView, ...]


class ListItems(Request, frozen=True, kw_only=True):
    """Those items of a campaign, with a verdict, that one may judge or that are about oneself."""

    id: str
    verdict: ItemVerdict = ItemVerdict.NONE
    after: str = ""
    limit: int = 100


class ReviewItemView(Result, frozen=True, kw_only=True):
    """A right or a credential under review: `subject` is its id, `identity` holds it.

    `last_used_at`: of a credential its last use, to the hour; of a right the day on which it last allowed something; of an
    eligible grant when it was last elevated.
    """

    id: str
    review: str
    kind: ItemKind
    subject: str
    identity: str
    person: str
    role: str
    scope: str
    last_used_at: Instant | None
    verdict: ItemVerdict
    decided_by: str | None
    decided_at: Instant | None


class ReviewItems(Result, frozen=True, kw_only=True):
    """A part of the items of a campaign. `next` is where the next part begins; empty at the end."""

    items: tuple[ReviewItemView, ...]
    next: str

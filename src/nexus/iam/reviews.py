"""The yearly access review: every right and credential is looked at by somebody else, or it ends.

1. **Open.** A campaign lists every grant, eligible grant, access key and service token with its last use. An officer
   opens it; the worker does a year after the last one. One campaign is open at a time.
2. **Judge.** Those who may grant renew an item (it goes on until its own end) or end it at once; nobody judges his own.
3. **Deadline.** The worker suspends what nobody renewed. An approving role keeps its last `MIN_OFFICERS` holders, so that
   a forgotten campaign does not leave the platform without anybody who could act; the doctor calls that broken.
4. **Later.** For `SUSPENSION_KEPT` a reviewer may restore what was suspended; then the worker deletes it.
"""

from functools import partial

from nexus.iam.actions import SENSITIVE
from nexus.iam.approvals import Approvals
from nexus.iam.gate import Question
from nexus.iam.humans import require_other_human
from nexus.iam.model import MIN_OFFICERS, IdentityState, Role
from nexus.iam.requests.forms import ById, Page
from nexus.iam.requests.reviews import ListItems, OpenReview, ReviewItems, ReviewItemView, Reviews, ReviewView
from nexus.iam.resources import Resources
from nexus.iam.rules import page_size
from nexus.iam.store import identities, reviews
from nexus.iam.supervision import REVIEW_DAYS, REVIEW_EVERY, SUSPENSION_KEPT, ItemKind, ItemVerdict, Review, ReviewItem
from nexus.kernel.clock import DAY, Clock, Instant
from nexus.kernel.database import Database, Recorded, Transaction
from nexus.kernel.errors import Conflict, Invalid, NotFound
from nexus.kernel.ids import new_id
from nexus.kernel.operation import PLATFORM, Entry, Operation, Resource

SHORTEST_DAYS, LONGEST_DAYS = 7, 90
BATCH = 200
"""Items that the worker suspends or deletes in one round."""
_APPROVERS = frozenset(action.approver.value for action in SENSITIVE if action.approver is not None)


class ReviewStories:
    """Campaigns, verdicts, and what follows from their absence."""

    def __init__(self, db: Database, clock: Clock, *, approvals: Approvals, resources: Resources) -> None:
        self._db = db
        self._clock = clock
        self._approvals = approvals
        self._resources = resources

    async def open(self, op: Operation, request: OpenReview) -> ReviewView:
        """Open a campaign. Raises Invalid (days), Conflict (one is open)."""
        if not SHORTEST_DAYS <= request.days <= LONGEST_DAYS:
            raise Invalid(f"a campaign takes {SHORTEST_DAYS} to {LONGEST_DAYS} days", code="iam.review-days")

        def work(tx: Transaction) -> Recorded[ReviewView]:
            if reviews.current(tx) is not None:
                raise Conflict("a campaign is open", code="iam.review-open", hint="`nexus iam review list`")
            now = self._clock.now()
            new = Review(new_id("rev"), op.actor.id, now, Instant(now + request.days * DAY))
            reviews.add(tx, new)
            waiting = reviews.fill(tx, new.id, now)
            entry = op.allowed("iam.review.open", PLATFORM, review=new.id, items=waiting, deadline=new.deadline)
            return Recorded(_view(new, waiting), entry)

        return await self._db.write(work)

    async def list_reviews(self, op: Operation, request: Page) -> Reviews:
        """Campaigns, in order of opening."""
        with self._db.read() as tx:
            found = reviews.campaigns(tx, request.after, page_size(request.limit))
            views = [_view(each, reviews.waiting(tx, each.id)) for each in found]
        await self._db.record(op.allowed("iam.review.list", PLATFORM))
        return Reviews(reviews=tuple(views))

    async def list_items(self, op: Operation, request: ListItems) -> ReviewItems:
        """The items that the actor may judge, or that are about what is her own."""
        limit = page_size(request.limit)
        with self._db.read() as tx:
            found = reviews.items(tx, request.id, request.verdict, request.after, limit)
        readable = [each for each in found if self._may_read(op, each)]
        await self._db.record(op.allowed("iam.review.items", PLATFORM, review=request.id, count=len(readable)))
        following = found[-1].id if len(found) == limit else ""
        return ReviewItems(items=tuple(_item_view(each) for each in readable), next=following)

    async def renew(self, op: Operation, request: ById) -> ReviewItemView:
        """Let it go on until its own end. Raises Denied (one's own), NotFound, Conflict (judged before, or closed)."""
        return await self._judge(op, request.id, ItemVerdict.RENEWED, "iam.review.renew")

    async def end(self, op: Operation, request: ById) -> ReviewItemView:
        """End it at once. Raises as `renew` does."""
        return await self._judge(op, request.id, ItemVerdict.ENDED, "iam.review.end")

    async def restore(self, op: Operation, request: ById) -> ReviewItemView:
        """Give back what was suspended because nobody had judged it. Raises Denied, NotFound, Conflict (gone)."""

        def work(tx: Transaction) -> Recorded[ReviewItemView]:
            found, now = _find(tx, request.id), self._clock.now()
            require_other_human(tx, op, found.person)
            holder = identities.identity(tx, found.identity)
            gone = holder is None or holder.state is IdentityState.DELETED
            if gone or found.verdict is not ItemVerdict.SUSPENDED or not reviews.give_back(tx, found):
                raise Conflict("this is not suspended by a review", code="iam.not-suspended", hint="grant it anew")
            return self._judged(tx, op, found, ItemVerdict.RENEWED, "iam.review.restore", now)

        return await self._db.write(work)

    async def advance(self, op: Operation) -> None:
        """What time brings: open the yearly campaign, suspend what nobody renewed, delete what nobody restored."""
        now = self._clock.now()
        with self._db.read() as tx:
            running, last = reviews.current(tx), reviews.last_opened(tx)
            forgotten = reviews.suspended_before(tx, Instant(now - SUSPENSION_KEPT), BATCH)
        for each in forgotten:
            await self._db.write(partial(self._delete, op, each))
        if running is None:
            if last is not None and now >= last + REVIEW_EVERY:
                await self.open(op, OpenReview(days=REVIEW_DAYS))
        elif now >= running.deadline:
            await self._suspend_what_is_left(op, running)

    async def _suspend_what_is_left(self, op: Operation, review: Review) -> None:
        after = ""
        while True:
            with self._db.read() as tx:
                left = reviews.items(tx, review.id, ItemVerdict.NONE, after, BATCH)
            for each in left:
                await self._db.write(partial(self._suspend, op, each))
            if len(left) < BATCH:
                break
            after = left[-1].id
        await self._db.write(partial(self._close, op, review))

    def _suspend(self, op: Operation, about: ReviewItem, tx: Transaction) -> Recorded[None]:
        now = self._clock.now()
        if _is_needed(tx, about, now):
            return Recorded(None, _entry(op, "iam.review.keep", about))
        if not reviews.judge(tx, about, ItemVerdict.SUSPENDED, op.actor.id, now):
            return Recorded(None, op.failed("iam.review.suspend", _about(about), code="iam.judged-before"))
        reviews.withhold(tx, about, now)
        return Recorded(None, _entry(op, "iam.review.suspend", about))

    def _close(self, op: Operation, review: Review, tx: Transaction) -> Recorded[None]:
        reviews.close(tx, review.id, self._clock.now())
        left = reviews.waiting(tx, review.id)
        return Recorded(None, op.allowed("iam.review.close", PLATFORM, review=review.id, kept=left))

    def _delete(self, op: Operation, about: ReviewItem, tx: Transaction) -> Recorded[None]:
        reviews.delete(tx, about)
        reviews.judge(tx, about, ItemVerdict.DELETED, op.actor.id, self._clock.now())
        return Recorded(None, _entry(op, "iam.review.delete", about))

    async def _judge(self, op: Operation, item_id: str, verdict: ItemVerdict, action: str) -> ReviewItemView:
        def work(tx: Transaction) -> Recorded[ReviewItemView]:
            found, now = _find(tx, item_id), self._clock.now()
            require_other_human(tx, op, found.person)
            if found.verdict is not ItemVerdict.NONE:
                raise Conflict(f"this is {found.verdict.value} already", code="iam.judged-before")
            if verdict is ItemVerdict.ENDED:
                reviews.withhold(tx, found, now)
            return self._judged(tx, op, found, verdict, action, now)

        return await self._db.write(work)

    @staticmethod
    def _judged(  # noqa: PLR0917 - one row, changed by six facts
        tx: Transaction, op: Operation, found: ReviewItem, verdict: ItemVerdict, action: str, now: Instant
    ) -> Recorded[ReviewItemView]:
        reviews.judge(tx, found, verdict, op.actor.id, now)
        judged = _find(tx, found.id)
        return Recorded(_item_view(judged), _entry(op, action, judged))

    def _may_read(self, op: Operation, about: ReviewItem) -> bool:
        if about.person == op.actor.person:
            return True
        resource = self._resources.review_item(about.id)
        return self._approvals.permits(Question(op.actor, "iam.review.read", resource, op.purpose))


def _is_needed(tx: Transaction, about: ReviewItem, now: Instant) -> bool:
    """Whether an approving role would be left with too few holders."""
    if about.kind is not ItemKind.GRANT or about.role not in _APPROVERS:
        return False
    holders = identities.active_holders(tx, Role(about.role), now)
    return about.identity in holders and len(holders) <= MIN_OFFICERS


def _find(tx: Transaction, item_id: str) -> ReviewItem:
    found = reviews.item(tx, item_id)
    if found is None:
        raise NotFound("no such item of a review", code="iam.no-review-item")
    return found


def _about(item: ReviewItem) -> Resource:
    return Resource("Identity", item.identity)


def _entry(op: Operation, action: str, item: ReviewItem) -> Entry:
    return op.allowed(
        action,
        _about(item),
        review=item.review,
        item=item.id,
        kind=item.kind.value,
        subject=item.subject,
        role=item.role,
        scope=item.scope,
    )


def _view(review: Review, waiting: int) -> ReviewView:
    return ReviewView(
        id=review.id,
        opened_by=review.opened_by,
        opened_at=review.opened_at,
        deadline=review.deadline,
        closed_at=review.closed_at,
        waiting=waiting,
    )


def _item_view(item: ReviewItem) -> ReviewItemView:
    return ReviewItemView(
        id=item.id,
        review=item.review,
        kind=item.kind,
        subject=item.subject,
        identity=item.identity,
        person=item.person,
        role=item.role,
        scope=item.scope,
        last_used_at=item.last_used_at,
        verdict=item.verdict,
        decided_by=item.decided_by,
        decided_at=item.decided_at,
    )

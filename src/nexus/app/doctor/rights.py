"""What people owe to the life of rights: emergency accesses and rights to judge, alarms that nobody heard."""

from collections.abc import Sequence

from nexus.app.doctor.finding import Finding, broken, degraded, real
from nexus.iam.service import RightsDue
from nexus.kernel.clock import rfc3339


def due(rights: RightsDue) -> Sequence[Finding]:
    """Uses of break-glass, alarms, the access review."""
    return (_break_glass(rights), _alarms(rights), _review(rights))


def _break_glass(rights: RightsDue) -> Finding:
    review = "`nexus iam break-glass list`, `nexus iam break-glass review`"
    if rights.reviews_overdue:
        return broken("break-glass", f"{rights.reviews_overdue} uses were not reviewed in time", review)
    if rights.break_glass_open or rights.reviews_waiting:
        says = f"{rights.break_glass_open} accesses are open now, {rights.reviews_waiting} wait for their review"
        return degraded("break-glass", says, review)
    return real("break-glass", "no emergency access is open, none waits for its review")


def _alarms(rights: RightsDue) -> Finding:
    if rights.alarms_untold:
        return degraded("alarms", f"{rights.alarms_untold} were not told yet", "see the messages of the worker")
    return real("alarms", "every alarm was told")


def _review(rights: RightsDue) -> Finding:
    judge = "`nexus iam review list`, `nexus iam review items`"
    if rights.items_kept:
        says = f"{rights.items_kept} rights of approving roles were not renewed, and kept for want of other holders"
        return broken("access review", says, judge)
    if rights.review_deadline is not None and rights.items_waiting:
        until = rfc3339(rights.review_deadline)[:10]
        says = f"{rights.items_waiting} rights and credentials are suspended on {until} unless somebody renews them"
        return degraded("access review", says, judge)
    return real("access review", "nothing waits for a verdict")

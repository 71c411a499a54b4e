"""When a notice to a patient is due: whatever the season, in the morning of the place; never two at once."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from nexus.kernel.clock import DAY, HOUR, SECOND, Instant
from nexus.portal.notices.due import PAUSE, due
from nexus.portal.notices.model import Wish

PARIS = ZoneInfo("Europe/Paris")


@given(
    st.integers(1_700_000_000, 1_900_000_000),
    st.integers(0, 10_000),
    st.sampled_from([Wish.DAILY, Wish.WEEKLY]),
)
def test_digests_leave_at_eight_within_a_day_or_a_week_summer_and_winter(now, last, wish):
    moment = due(wish, Instant(now * SECOND), Instant((now - last) * SECOND), PARIS, urgent=False)
    local = datetime.fromtimestamp(moment / SECOND, UTC).astimezone(PARIS)
    longest = (DAY if wish is Wish.DAILY else 7 * DAY) + HOUR
    assert (local.hour, local.minute) == (8, 0) and 0 < moment - now * SECOND <= longest
    assert wish is Wish.DAILY or local.weekday() == 0


@given(st.integers(0, 10_000), st.sampled_from([Wish.AT_ONCE, Wish.DAILY, Wish.WEEKLY]), st.booleans())
def test_what_hurries_keeps_its_distance_from_the_last_message(ago, wish, urgent):
    now, last = Instant(1_800_000_000 * SECOND), Instant((1_800_000_000 - ago) * SECOND)
    moment = due(wish, now, last, PARIS, urgent=urgent)
    assert moment >= now and moment >= last + PAUSE

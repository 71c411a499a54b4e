"""Notices: what their operations take and return."""

from nexus.iam.requests.forms import Result
from nexus.kernel.clock import Instant


class NoticeView(Result, frozen=True, kw_only=True):
    """Something that happened to an account. `sentence` says it in English, `phrase` in French."""

    id: str
    kind: str
    sentence: str
    phrase: str
    origin: str
    """Network address that it came from."""
    first_at: Instant
    last_at: Instant
    times: int
    """How often, if it happened again before it was seen."""
    seen: bool


class Notices(Result, frozen=True, kw_only=True):
    """The latest first."""

    notices: tuple[NoticeView, ...]

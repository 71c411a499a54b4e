"""Four eyes: what its operations take and return."""

from nexus.iam.model import Intent, IntentState
from nexus.iam.requests.forms import Request, Result


class Approve(Request, frozen=True, kw_only=True):
    """`digest` is the digest of what the approver has read: nothing else can be approved by it."""

    id: str
    digest: str


class ListIntents(Request, frozen=True, kw_only=True):
    """Intents in a state, in order of proposal."""

    state: IntentState = IntentState.PROPOSED
    after: str = ""
    limit: int = 100


class Intents(Result, frozen=True, kw_only=True):
    """Intents."""

    intents: tuple[Intent, ...]

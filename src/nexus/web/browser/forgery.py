"""Three barriers against requests that another site makes in a person's name; each alone would do.

1. Cookies are `SameSite=Strict`: a browser sends none with what another site caused (`cookies.py`).
2. A request that changes anything must name our own origin, and the browser must not say that it came from elsewhere.
3. Every form of a signed-in person carries a token that only a page of ours, for this very session, could hold.

What is missing counts as wrong.
"""

import hmac
from collections.abc import Collection
from hashlib import sha256
from typing import Final

from starlette.datastructures import Headers

from nexus.kernel.errors import Denied

FIELD: Final = "csrf"
"""Name of the form field that carries the token."""
_LABEL: Final = b"nexus browser form v1"
_OURSELVES: Final = frozenset({"same-origin", "none"})


def token_of(session_token: str) -> str:
    """The form token of a session. Who knows it does not know the session, and no key has to be kept for it."""
    return hmac.digest(session_token.encode(), _LABEL, sha256).hex()


def require_own_origin(headers: Headers, origins: Collection[str]) -> None:
    """Raises Denied unless the request comes from a page of ours, by its `Origin` and by `Sec-Fetch-Site`."""
    given = headers.getlist("origin")
    if len(given) != 1 or given[0] not in origins or headers.get("sec-fetch-site", "same-origin") not in _OURSELVES:
        raise _forged()


def require_token(session_token: str, given: str) -> None:
    """Raises Denied unless the form's token belongs to the session."""
    if not hmac.compare_digest(token_of(session_token).encode(), given.encode()):
        raise _forged()


def _forged() -> Denied:
    return Denied(
        "this form was not sent from a page of ours",
        code="web.forged",
        hint="open the page again and send the form from there",
    )

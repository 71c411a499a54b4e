"""What a door for browsers needs from below, and keeps for others that share its address."""

from typing import Protocol

from starlette.requests import HTTPConnection

from nexus.kernel.operation import Actor


class BrowserSession(Protocol):
    """Who is signed in in the browser that sent a request."""

    async def signed_in(self, request: HTTPConnection) -> Actor | None:
        """The person, with the id of the session in `Actor.session`; None if nobody is, whatever the reason.

        It counts as a use of the session. A cookie that turns up at another client ends its session.
        """

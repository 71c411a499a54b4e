"""The one address that outside issuers call: back-channel logout. Parse, call, answer; a form in, the protocol's words out."""

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from nexus.iam.federation.farewells import ACTION, Farewells
from nexus.iam.oidc.forms import BadForm, read_form
from nexus.kernel.clock import Clock
from nexus.kernel.database import Database
from nexus.kernel.errors import NexusError, Unauthenticated, anatomy
from nexus.kernel.ids import new_id
from nexus.kernel.operation import ANONYMOUS, PLATFORM, Operation

PATH: Final = "/federation/logout"
"""Below the console's address; register it with each issuer as the back-channel logout URI."""
DOOR, PURPOSE = "console", "operation"
PRIVATE: Final = {"Cache-Control": "no-store"}
logger = logging.getLogger(__name__)


class FarewellRoute:
    """The endpoint over `Farewells`."""

    def __init__(self, farewells: Farewells, audit: Database, clock: Clock) -> None:
        self._farewells = farewells
        self._audit = audit
        self._clock = clock

    def route(self) -> Route:
        """What is mounted."""
        return Route(PATH, self._take, methods=["POST"])

    async def _take(self, request: Request) -> Response:
        origin = request.client.host if request.client else "unknown"
        op = Operation(new_id("op"), ANONYMOUS, PURPOSE, self._clock.now(), origin, DOOR)
        try:
            token = (await read_form(request)).get("logout_token", "")
            await self._farewells.take(op, token)
        except (BadForm, Unauthenticated) as refused:
            reason = refused.message if isinstance(refused, Unauthenticated) else "form"
            await self._audit.record(op.denied(ACTION, PLATFORM, reason=reason))
            return JSONResponse({"error": "invalid_request"}, 400, PRIVATE)
        except NexusError as error:  # our side: the issuer comes again
            logger.warning("operation %s failed: %s", op.id, anatomy(error))
            await self._audit.record(op.failed(ACTION, PLATFORM, code=error.code))
            return JSONResponse({"error": "temporarily_unavailable"}, 503, PRIVATE)
        return Response(status_code=200, headers=PRIVATE)

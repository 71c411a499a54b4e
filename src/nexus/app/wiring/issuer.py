"""The OpenID Connect issuer, in the console's process: it shares the console's address and its sessions."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.routing import Route

from nexus.app.chores.schedule import Chore
from nexus.app.ground import Ground
from nexus.app.settings import console_url
from nexus.app.token_signing import KmsTokenSigner
from nexus.console.issuer import IssuerPages, IssuerVisitors
from nexus.console.render import ASSETS, Renderer
from nexus.iam.oidc.authorizing import Authorizing
from nexus.iam.oidc.endpoints import Endpoints
from nexus.iam.oidc.goodbyes import Goodbyes
from nexus.iam.oidc.http import IssuerRoutes
from nexus.iam.oidc.issuer import Issuer
from nexus.iam.oidc.leaving import Leaving
from nexus.iam.oidc.letting_in import LettingIn
from nexus.iam.oidc.ports import Messenger
from nexus.iam.oidc.pushing import Pushing
from nexus.iam.store import credentials
from nexus.kernel.database import Recorded, Transaction
from nexus.kernel.operation import Actor, Resource
from nexus.web.browser import cookies
from nexus.web.browser.assets import SHARED, Assets
from nexus.web.browser.ports import BrowserSession

GOODBYE_EVERY_S = 1.0


def issuer(ground: Ground, port: int) -> Issuer:
    """The issuer whose name is the console's address."""
    signer = KmsTokenSigner(ground.kms, ground.clock, ground.operation)
    here = Endpoints(console_url(ground.settings, port).rstrip("/"))
    return Issuer(ground.database, ground.clock, here, signer, strict=ground.settings.strict_tools)


def issuer_routes(ground: Ground, made: Issuer, browser: BrowserSession, origins: Collection[str]) -> Sequence[Route]:
    """Its routes, with the console's pages."""
    renderer = Renderer(Assets(ASSETS, SHARED), (), ground.clock)

    async def end(request: Request, actor: Actor) -> None:
        await _end_session(ground, request, actor)

    routes = IssuerRoutes(
        made,
        Authorizing(
            ground.database,
            ground.clock,
            made.endpoints,
            strict=made.strict,
            passkeys_only=ground.settings.passkeys_only,
        ),
        Pushing(ground.database, ground.clock, made.endpoints, strict=made.strict),
        Leaving(ground.database, made.endpoints, made.signer),
        LettingIn(ground.database, ground.clock),
        sessions=IssuerVisitors(browser, renderer, origins=origins, end=end),
        pages=IssuerPages(renderer),
        lease=ground.hold,
        audit=ground.database,
        clock=ground.clock,
    )
    return routes.routes()


def goodbyes(ground: Ground, made: Issuer, messenger: Messenger) -> Chore:
    """Tells tools that a session has ended."""
    telling = Goodbyes(
        ground.database,
        ground.clock,
        made.endpoints,
        sign=made.signed,
        messenger=messenger,
        operation=ground.operation,
    )
    return Chore("tell tools that a session has ended", GOODBYE_EVERY_S, telling.send_due)


async def _end_session(ground: Ground, request: Request, actor: Actor) -> None:
    """End the session that the browser is signed in with: the same change and entry as `iam.session.end`."""
    op = replace(
        ground.operation(),
        actor=actor,
        origin=cookies.origin(request),
        client=cookies.client(request),
        at=ground.clock.now(),
    )
    session = actor.session or ""

    def work(tx: Transaction) -> Recorded[None]:
        credentials.end_session(tx, session)
        entry = op.allowed("iam.session.end", Resource("Identity", actor.id), session=session, by="oidc")
        return Recorded(None, entry)

    await ground.database.write(work)

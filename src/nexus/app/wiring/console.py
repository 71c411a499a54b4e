"""The console, and whatever else browsers reach at its address."""

import socket
from collections.abc import Sequence
from pathlib import Path

from starlette.routing import BaseRoute

from nexus.app import parts
from nexus.app.ground import Ground
from nexus.app.operations import OPERATIONS, PURPOSES
from nexus.app.pki import LOCAL_NAMES
from nexus.app.serving import Asgi
from nexus.app.settings import Settings, console_url
from nexus.app.wiring import dispatching
from nexus.app.wiring.issuer import issuer_routes
from nexus.audit.witnesses import WitnessClient
from nexus.console.app import console_app
from nexus.console.cookies import COOKIES
from nexus.console.page import Page
from nexus.console.pages.table import pages
from nexus.iam.federation.farewells import Farewells
from nexus.iam.federation.http import FarewellRoute
from nexus.iam.federation.issuer import load
from nexus.iam.oidc.issuer import Issuer
from nexus.objects.service import ObjectService
from nexus.web.browser.cookies import CookieSession
from nexus.web.browser.ports import BrowserSession

KEYS = dispatching.KEYS
"""The console performs every operation, so it holds what the REST door holds, and no key of its own."""


def console_door(ground: Ground, objects: ObjectService, witnesses: WitnessClient, port: int, made: Issuer) -> Asgi:
    """The console over every service, and the issuer beside it."""
    known = dispatching.authenticator(ground)
    browser = CookieSession(known, COOKIES)
    return console_app(
        dispatching.dispatcher(ground, objects, witnesses, known, parts.CONSOLE),
        browser,
        pages=(*_further_pages(ground, browser), *pages(OPERATIONS, PURPOSES)),
        clock=ground.clock,
        mounts=_mounts(ground, browser, port, made),
        origins=origins(ground.settings, port),
    )


def origins(settings: Settings, port: int) -> frozenset[str]:
    """The addresses under which this console is reached; a request that names another one is refused."""
    return addresses(settings, port, console_url(settings, port))


def addresses(settings: Settings, port: int, url: str) -> frozenset[str]:
    """The addresses under which a door for browsers that listens on `port` is reached, besides its own `url`."""
    names = dict.fromkeys((*LOCAL_NAMES, settings.host, *settings.names, socket.gethostname()))
    hosts = [f"[{name}]" if ":" in name else name.lower() for name in names]
    default = [f"https://{host}" for host in hosts] if port == 443 else []
    return frozenset({url, *(f"https://{host}:{port}" for host in hosts), *default})


def _further_pages(ground: Ground, browser: BrowserSession) -> Sequence[Page]:
    """Pages that need more than operations: built here, out of parts that only this floor may join."""
    return ()


def _mounts(ground: Ground, browser: BrowserSession, port: int, made: Issuer) -> Sequence[BaseRoute]:
    """Applications that share the console's address and its knowledge of who is signed in in this browser.

    They answer for their own protection against forged requests; the console's security headers are set where they set
    none.
    """
    routes = issuer_routes(ground, made, browser, origins(ground.settings, port))
    if not ground.settings.federation_file:
        return routes
    farewells = Farewells(ground.database, ground.clock, issuers=load(Path(ground.settings.federation_file)))
    return [*routes, FarewellRoute(farewells, ground.database, ground.clock).route()]

"""Signing in by the browser (device flow, RFC 8628): no password is typed here, and what is kept is sealed."""

import sys
import time
import webbrowser
from base64 import b64decode, b64encode
from typing import Any, Final

import click
import msgspec

from nexus.app.cli.bound_session import (
    REFRESH_BEFORE_S,
    BoundSecrets,
    IssuerClient,
    held_from,
    new_key,
    refused,
    told_by,
)
from nexus.app.cli.connection import Place
from nexus.app.cli.keyring import Locker, nobody_to_ask
from nexus.app.cli.sessions import SessionFile, StoredSession
from nexus.app.cli.terminal import Terminal
from nexus.app.cli.words import say
from nexus.iam.model import SESSION_ABSOLUTE
from nexus.kernel.clock import SECOND, Instant, SystemClock
from nexus.kernel.errors import Unauthenticated
from nexus.kernel.secret import Secret

DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
SLOWER_S: Final = 5


def sign_in(
    screen: Terminal, place: Place, *, issuer: str = "", open_browser: bool = True
) -> tuple[StoredSession, BoundSecrets]:
    """Show the code, wait for the person, return what was received; nothing is stored yet. Raises Unauthenticated."""
    key = new_key()
    with IssuerClient(place, key) as client:
        where = client.endpoints(issuer)
        begun = client.post(where["device_authorization_endpoint"])
        if "device_code" not in begun:
            raise refused(str(begun.get("error", "no code")))
        _show(screen, begun, open_browser=open_browser)
        with screen.waiting(screen.say("browser.waiting")):
            answer = _wait(client, where["token_endpoint"], begun)
    held = held_from(answer, key)
    claims, now = told_by(answer["id_token"]), SystemClock().now()
    session = StoredSession(
        login=str(claims["sub"]),
        session=str(claims["sid"]),
        issuer=str(where["issuer"]),
        expires_at=Instant(now + SESSION_ABSOLUTE),
        access_ends_at=Instant(now + int(answer["expires_in"]) * SECOND),
    )
    return session, held


def keep(sessions: SessionFile, locker: Locker, place: Place, session: StoredSession, held: BoundSecrets) -> None:
    """Store a sign-in, sealed for this platform."""
    sealed = b64encode(locker.seal(msgspec.json.encode(held), place.url)).decode()
    sessions.put(place.url, msgspec.structs.replace(session, sealed=sealed))


def fresh(place: Place, sessions: SessionFile, locker: Locker) -> BoundSecrets:
    """The stored secrets, with an access token that lives a while; exchanged and stored again if need be."""
    with sessions.alone():
        stored = sessions.get(place.url)
        if stored is None or not stored.sealed:
            raise Unauthenticated("you are not signed in", code="cli.signed-out", hint="nexus login")
        held: BoundSecrets = msgspec.json.decode(locker.open(b64decode(stored.sealed), place.url), type=BoundSecrets)
        now = SystemClock().now()
        if now < stored.access_ends_at - REFRESH_BEFORE_S * SECOND:
            return held
        with IssuerClient(place, held.key) as client:
            where = client.endpoints(stored.issuer)
            answer = client.post(where["token_endpoint"], grant_type="refresh_token", refresh_token=held.refresh)
        held = held_from(answer, held.key)
        ends = Instant(now + int(answer["expires_in"]) * SECOND)
        keep(sessions, locker, place, msgspec.structs.replace(stored, access_ends_at=ends), held)
        return held


def passphrase() -> Secret:
    """Asked of the person at the keyboard, where the kernel keeps no keys."""
    if not sys.stdin.isatty():
        return nobody_to_ask()
    return Secret(str(click.prompt(say("ask.keyring", french=False), hide_input=True, err=True)).encode())


def _show(screen: Terminal, begun: dict[str, Any], *, open_browser: bool) -> None:
    screen.err.print(f"{screen.say('browser.open')}  [bold]{begun['verification_uri']}[/]")
    screen.err.print(f"{screen.say('browser.code')}  [bold]{begun['user_code']}[/]")
    screen.note(screen.say("browser.warning"))
    if open_browser and screen.err.is_terminal:
        webbrowser.open(str(begun["verification_uri_complete"]))


def _wait(client: IssuerClient, token_endpoint: str, begun: dict[str, Any]) -> dict[str, Any]:
    pause, ends = float(begun.get("interval", SLOWER_S)), time.monotonic() + float(begun["expires_in"])
    while time.monotonic() < ends:
        time.sleep(pause)
        answer = client.post(token_endpoint, grant_type=DEVICE_CODE, device_code=str(begun["device_code"]))
        match answer.get("error"):
            case "authorization_pending":
                continue
            case "slow_down":
                pause += SLOWER_S
            case None:
                return answer
            case error:
                raise refused(str(error))
    raise refused("expired_token")

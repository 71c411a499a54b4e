"""Being somebody at a platform: enrol, login, logout, whoami. Each is one or two operations and a file."""

from io import StringIO
from typing import Any

import click
import segno

from nexus.app.cli import browser
from nexus.app.cli.bound_session import KeyBound
from nexus.app.cli.options import CONNECTION, Caller, connection_options, json_option, terminal
from nexus.app.cli.parameters import read_secret
from nexus.app.cli.render import rendered
from nexus.app.cli.rest_client import RestClient
from nexus.app.cli.sessions import StoredSession
from nexus.app.cli.terminal import Terminal
from nexus.app.operations import operation
from nexus.kernel.clock import parse_rfc3339, rfc3339
from nexus.kernel.errors import Invalid


def _file_option(name: str, what: str) -> click.Option:
    return click.Option([f"--{name}-file"], metavar="FILE", help=f"File whose first line is {what}; - reads stdin.")


def _given(screen: Terminal, file: str | None, key: str) -> str:
    return read_secret(file) if file else screen.ask_secret(key).reveal().decode()


_TOTP = ["--totp"]
_TOTP_HELP = "Code of the authenticator; without it you are asked."


# enrol


def _enrol(login: str, code_file: str | None, password_file: str | None, totp: str | None, **common: Any) -> None:
    screen = terminal(common["as_json"])
    caller = Caller(*(common[name] for name in CONNECTION))
    code = _given(screen, code_file, "ask.code")
    password = _given(screen, password_file, "ask.new")
    if not password_file and _given(screen, None, "ask.again") != password:
        raise Invalid("the two passwords differ", code="cli.password-differs")
    who = {"login": login, "code": code}
    with caller.anonymous() as client:
        begun = client.call(operation("iam.enrolment.start"), {**who, "password": password})
        _show_factor(screen, begun.document["otpauth_uri"])
        typed = totp or screen.ask("ask.totp")
        done = client.call(operation("iam.enrolment.confirm"), {**who, "totp": typed})
    if screen.json:
        screen.document(done.document)
    else:
        screen.good(f"{screen.say('enrol.done')} nexus login {login}", aside=done.operation)


def _show_factor(screen: Terminal, uri: str) -> None:
    """The second factor as a QR code and as text. On stderr: it is a credential, not a result."""
    drawn = StringIO()
    segno.make(uri, error="l").terminal(out=drawn, compact=True, border=2)
    screen.err.print(screen.say("enrol.scan"))
    screen.err.out(drawn.getvalue(), highlight=False)
    screen.err.out(uri, highlight=False)
    screen.note(screen.say("once"))


enrol = click.Command(
    "enrol",
    callback=_enrol,
    params=[
        click.Argument(["login"]),
        _file_option("code", "the one-time code that you were given"),
        _file_option("password", "the password that you choose"),
        click.Option(_TOTP, help=_TOTP_HELP),
        *connection_options(),
        json_option(),
    ],
    help="Choose your password, and take your second factor into an authenticator application.\n\n"
    "You need the one-time code that `iam person create` printed for whoever invited you.",
    short_help="Choose password and second factor",
)


# login, logout, whoami


def _login(
    login: str | None, password_file: str | None, totp: str | None, password: bool, issuer: str, **common: Any
) -> None:
    screen = terminal(common["as_json"])
    caller = Caller(*(common[name] for name in CONNECTION))
    if password or login or password_file or totp:
        _by_password(screen, caller, login, password_file, totp)
    else:
        _by_browser(screen, caller, issuer)


def _by_browser(screen: Terminal, caller: Caller, issuer: str) -> None:
    session, held = browser.sign_in(screen, caller.place, issuer=issuer, open_browser=not screen.json)
    with RestClient(caller.place, bound=KeyBound(held)) as client:
        name = client.call(operation("iam.me.read"), {}).document["name"]
    browser.keep(caller.sessions, caller.locker, caller.place, session, held)
    if screen.json:
        ends = rfc3339(session.expires_at)
        screen.document({"session": session.session, "person": session.login, "expires_at": ends})
    else:
        screen.good(f"{screen.say('login.done')} {name}")


def _by_password(
    screen: Terminal, caller: Caller, login: str | None, password_file: str | None, totp: str | None
) -> None:
    known = caller.sessions.get(caller.place.url)
    name = login or (known.login if known and known.device else screen.ask("ask.login"))
    request = {
        "login": name,
        "password": _given(screen, password_file, "ask.password"),
        "totp": totp or screen.ask("ask.totp"),
    }
    if known and known.login == name:
        request["device"] = known.device
    with caller.anonymous() as client:
        reply = client.call(operation("iam.session.create"), request)
    opened = reply.document
    session = StoredSession(
        login=name,
        device=opened["device"],
        token=opened["token"],
        session=opened["session"],
        expires_at=parse_rfc3339(opened["expires_at"]),
    )
    caller.sessions.put(caller.place.url, session)
    if screen.json:
        screen.document({key: opened[key] for key in ("session", "person", "expires_at")})
    else:
        until = rendered(str, opened["expires_at"])
        screen.good(f"{screen.say('login.done')} {name}", aside=f"{screen.say('login.until')} {until}")
        if opened["notices"]:
            screen.note(f"{screen.say('login.notices')} nexus iam notice list {opened['person']}")


login = click.Command(
    "login",
    callback=_login,
    params=[
        click.Argument(["login"], required=False),
        click.Option(["--password"], is_flag=True, help="Sign in with password and code instead of the browser."),
        _file_option("password", "your password"),
        click.Option(_TOTP, help=_TOTP_HELP),
        click.Option(
            ["--issuer"], default="", metavar="URL", help="Address of the console, if the door does not say it."
        ),
        *connection_options(),
        json_option(),
    ],
    help="Sign in by the browser: open the page that is shown, type the code, confirm.\n\n"
    "What is kept is bound to a key of this machine and sealed under a key in the kernel. With LOGIN or --password, you"
    " sign in with password and second factor instead; that session works from this address only.",
    short_help="Sign in",
)


def _logout(**common: Any) -> None:
    screen = terminal(common["as_json"])
    caller = Caller(*(common[name] for name in CONNECTION))
    stored = caller.sessions.get(caller.place.url)
    if stored is None or not stored.open:
        screen.note(screen.say("logout.none"))
        return
    with caller.client_of(stored) as client:
        caller.sessions.put(caller.place.url, stored.signed_out())  # first: whatever happens next, it is gone here
        client.call(operation("iam.session.end"), {"id": stored.session})
    if screen.json:
        screen.document({"signed_out": stored.login})
    else:
        screen.good(screen.say("logout.done"))


logout = click.Command(
    "logout",
    callback=_logout,
    params=[*connection_options(), json_option()],
    help="Sign out: the session ends on the platform and is forgotten here.",
    short_help="Sign out",
)


def _whoami(**common: Any) -> None:
    screen = terminal(common["as_json"])
    caller = Caller(*(common[name] for name in CONNECTION))
    spec = operation("iam.me.read")
    with caller.client() as client:
        document = client.call(spec, {}).document
    if screen.json:
        screen.document(document)
    else:
        screen.show(rendered(spec.result, document))


whoami = click.Command(
    "whoami",
    callback=_whoami,
    params=[*connection_options(), json_option()],
    help="Show who you are and which rights you hold now.",
    short_help="Show who you are and your rights",
)

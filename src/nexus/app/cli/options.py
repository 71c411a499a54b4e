"""Options that many commands share, so that they are spelt the same everywhere."""

from pathlib import Path

import click

from nexus.app.cli.bound_session import KeyBound
from nexus.app.cli.browser import fresh, passphrase
from nexus.app.cli.connection import Place, find
from nexus.app.cli.keyring import Locker
from nexus.app.cli.rest_client import RestClient
from nexus.app.cli.sessions import SessionFile, StoredSession
from nexus.app.cli.terminal import Terminal
from nexus.app.settings import ClientSettings, client_settings
from nexus.kernel.clock import SystemClock
from nexus.kernel.errors import Unauthenticated

CONNECTION = ("url", "ca", "data")


def json_option() -> click.Option:
    """`--json`: documents instead of tables. Every command has it."""
    return click.Option(["--json", "as_json"], is_flag=True, help="Print JSON for programs.")


def data_option() -> click.Option:
    """`--data`: the data directory of this machine's platform."""
    kind = click.Path(path_type=Path, file_okay=False)
    return click.Option(["--data"], type=kind, metavar="DIR", help="Data directory of a platform on this machine.")


def connection_options() -> list[click.Option]:
    """Which platform to speak to."""
    certificate = click.Path(path_type=Path, dir_okay=False)
    return [
        click.Option(["--url"], default="", metavar="URL", help="Address of the REST door (NEXUS_URL)."),
        click.Option(["--ca"], type=certificate, metavar="FILE", help="Its certificate authority (NEXUS_CA)."),
        data_option(),
    ]


class Caller:
    """What a command that speaks to a platform needs: the place, the session file, a client."""

    def __init__(self, url: str, ca: Path | None, data: Path | None, settings: ClientSettings | None = None) -> None:
        self.settings = settings or client_settings()
        self.place: Place = find(self.settings, url=url, ca=ca, data=data)
        self.sessions = SessionFile(self.settings.state)
        self.locker = Locker(passphrase)

    def anonymous(self) -> RestClient:
        """A client that is nobody."""
        return RestClient(self.place)

    def client(self) -> RestClient:
        """A client that is whoever is signed in. Raises Unauthenticated if nobody is."""
        if self.settings.token is not None:
            return RestClient(self.place, self.settings.token.reveal().decode())
        stored = self.sessions.get(self.place.url)
        if stored is None or not stored.open or stored.expires_at <= SystemClock().now():
            raise Unauthenticated("you are not signed in", code="cli.signed-out", hint="nexus login")
        return self.client_of(stored)

    def client_of(self, stored: StoredSession) -> RestClient:
        """A client that is whoever opened a stored session."""
        if stored.sealed:
            return RestClient(self.place, bound=KeyBound(fresh(self.place, self.sessions, self.locker)))
        return RestClient(self.place, stored.token)


def terminal(as_json: bool) -> Terminal:
    """The terminal in the user's language."""
    return Terminal(json=as_json, french=client_settings().french)

"""Where the command line keeps who you are: one file in your state directory that only you can read."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from nexus.app.datadir import write_durably
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict

FILE_NAME: Final = "sessions.json"


class StoredSession(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in at one platform. `device` outlives the session: it keeps strangers from locking this client out.

    `sealed` holds the key and the tokens of a sign-in by the browser, in base64 (docs/formats/command-line-session.md);
    `token` that of a sign-in by password. Never both.
    """

    login: str
    device: str = ""
    token: str = ""
    session: str = ""
    expires_at: Instant = Instant(0)
    issuer: str = ""
    sealed: str = ""
    access_ends_at: Instant = Instant(0)

    @property
    def open(self) -> bool:
        """Whether there is something to sign requests with."""
        return bool(self.token or self.sealed)

    def signed_out(self) -> "StoredSession":
        """What stays after signing out."""
        return StoredSession(login=self.login, device=self.device)


class SessionFile:
    """Sessions by the platform's address."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE_NAME

    def get(self, url: str) -> StoredSession | None:
        """The session at a platform, whether it still holds or not."""
        return self._read().get(url)

    def put(self, url: str, session: StoredSession) -> None:
        """Store a session; the file is replaced as a whole."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(self._path, msgspec.json.encode({**self._read(), url: session}), mode=0o600)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else exchanges a token meanwhile: of two who use one refresh token, the second looks like a thief."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _read(self) -> dict[str, StoredSession]:
        try:
            mode = self._path.stat().st_mode
            if mode & 0o077 or self._path.stat().st_uid != os.geteuid():
                raise Conflict(
                    f"{self._path} can be read by others",
                    code="cli.session-file",
                    hint=f"chmod 600 {self._path}, then sign in again",
                )
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, StoredSession])
        except (FileNotFoundError, msgspec.DecodeError):
            return {}

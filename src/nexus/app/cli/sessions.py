"""Where the command line keeps who you are: one file in your state directory that only you can read."""

import os
from pathlib import Path
from typing import Final

import msgspec

from nexus.app.datadir import write_durably
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict

FILE_NAME: Final = "sessions.json"


class StoredSession(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in at one platform. `device` outlives the session: it keeps strangers from locking this client out."""

    login: str
    device: str
    token: str = ""
    session: str = ""
    expires_at: Instant = Instant(0)

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

"""Where the command line keeps who you are: one file in your state directory that only you can read."""

import fcntl
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from nexus.app.cli.keyring import Locker, nobody_to_ask
from nexus.app.datadir import write_durably
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Conflict, Unauthenticated, Unavailable

FILE_NAME: Final = "sessions.json"


class StoredSession(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in at one platform. `device` outlives the session: it keeps strangers from locking this client out.

    `sealed` holds the key and the tokens of a sign-in by the browser, in base64 (docs/formats/command-line-session.md);
    `token` that of a sign-in by password. Never both. On disk, `token` and `device` are inside `kept`, sealed under the
    kernel's key, wherever the kernel keeps one.
    """

    login: str
    device: str = ""
    token: str = ""
    session: str = ""
    expires_at: Instant = Instant(0)
    issuer: str = ""
    sealed: str = ""
    access_ends_at: Instant = Instant(0)
    kept: str = ""

    @property
    def open(self) -> bool:
        """Whether there is something to sign requests with."""
        return bool(self.token or self.sealed)

    def signed_out(self) -> "StoredSession":
        """What stays after signing out."""
        return StoredSession(login=self.login, device=self.device)


class _Bearer(msgspec.Struct, frozen=True, kw_only=True):
    """What whoever holds it can use, from this address."""

    token: str
    device: str


class SessionFile:
    """Sessions by the platform's address."""

    def __init__(self, state: Path, locker: Locker | None = None) -> None:
        self._path = state / FILE_NAME
        self._locker = locker or Locker(nobody_to_ask)

    def get(self, url: str) -> StoredSession | None:
        """The session at a platform, whether it still holds or not."""
        stored = self._read().get(url)
        if stored is None or not stored.kept:
            return stored
        try:
            opened = self._locker.open(b64decode(stored.kept), url)
        except Unauthenticated:  # the machine was started anew: sign in again
            return replace(stored, kept="")
        bearer = msgspec.json.decode(opened, type=_Bearer)
        return replace(stored, kept="", token=bearer.token, device=bearer.device)

    def put(self, url: str, session: StoredSession) -> None:
        """Store a session; the file is replaced as a whole."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        document = {**self._read(), url: self._sealed(url, session)}
        write_durably(self._path, msgspec.json.encode(document), mode=0o600)

    def _sealed(self, url: str, session: StoredSession) -> StoredSession:
        """Without a token in clear, where the kernel keeps keys."""
        if not (session.token or session.device):
            return session
        try:
            content = msgspec.json.encode(_Bearer(token=session.token, device=session.device))
            kept = b64encode(self._locker.seal(content, url)).decode()
        except Unavailable:
            return session
        return replace(session, kept=kept, token="", device="")

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

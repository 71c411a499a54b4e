"""The carrier of a machine where people develop: what it "sends" lies as a file in a folder, for whoever owns the machine."""

import os
from pathlib import Path
from typing import Final

from nexus.kernel.clock import Instant
from nexus.mail.envelope import letter
from nexus.mail.model import Message, Unreachable

MAX_LETTERS: Final = 500
"""Letters that are kept; the oldest make room."""
SENDER: Final = "nexus@nexus.invalid"


class FolderCarrier:
    """Writes each message as `<id>.eml`, mode 0600, whole or not at all."""

    def __init__(self, folder: Path, sender: str = SENDER) -> None:
        self._folder = folder
        self._sender = sender

    def carry(self, message_id: str, message: Message, at: Instant) -> None:
        """See `Carrier`."""
        content = letter(message_id, message, self._sender, at).as_bytes()
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            unfinished = self._folder / f".{message_id}.new"
            unfinished.unlink(missing_ok=True)
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            unfinished.replace(self._folder / f"{message_id}.eml")
            for old in sorted(self._folder.glob("*.eml"))[:-MAX_LETTERS]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise Unreachable(f"the folder of mail takes nothing ({error.strerror})", code="mail.folder") from None

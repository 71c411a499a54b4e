"""How mail leaves this installation: the carrier that its settings name."""

import stat
from pathlib import Path
from typing import Final

from nexus.app.datadir import DataDirectory
from nexus.app.settings import Settings
from nexus.kernel.clock import Instant
from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret
from nexus.mail.folder import FolderCarrier
from nexus.mail.model import Message, Refused
from nexus.mail.outbox import Outbox
from nexus.mail.ports import Carrier
from nexus.mail.smtp import MailServer, Security, SmtpCarrier

MAX_PASSWORD_BYTES: Final = 1_024
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class NoCarrier:
    """The carrier of an installation without mail: each message is given up at once, and that is an alarm."""

    def carry(self, message_id: str, message: Message, at: Instant) -> None:
        """See `Carrier`."""
        raise Refused("this installation sends no mail", code="mail.off")


def carrier(settings: Settings, directory: DataDirectory) -> Carrier:
    """The carrier. Raises Invalid where a file that the settings name cannot be used."""
    if settings.mail_delivery == "smtp":
        return _smtp(settings)
    if settings.mail_delivery == "folder":
        return FolderCarrier(directory.mail)
    return NoCarrier()


def require_addresses(settings: Settings, outbox: Outbox) -> None:
    """Raises Invalid where an address of the settings is none that mail is sent to."""
    for address in (*settings.alarm_mail, *([settings.mail_sender] if settings.mail_sender else ())):
        outbox.check(Message(to=address, subject="-", body="-"))


def _smtp(settings: Settings) -> SmtpCarrier:
    server = MailServer(
        host=settings.mail_server,
        port=settings.mail_port,
        security=Security(settings.mail_security),
        sender=settings.mail_sender,
        user=settings.mail_user,
        password=password(Path(settings.mail_password_file)) if settings.mail_password_file else None,
        authority=settings.mail_authority,
    )
    try:
        return SmtpCarrier(server)
    except OSError as error:
        raise Invalid(f"mail_authority cannot be used ({error.strerror})", code="settings.mail") from None


def password(file: Path) -> Secret:
    """The password in a file: its first line. Raises Invalid if others may read the file, or nobody can."""
    try:
        with file.open("rb") as opened:
            mode = file.stat().st_mode
            content = opened.read(MAX_PASSWORD_BYTES + 1)
    except OSError as error:
        raise Invalid(f"mail_password_file cannot be read ({error.strerror})", code="settings.mail") from None
    if mode & _OTHERS:
        raise Invalid(
            "mail_password_file can be read by other accounts of this machine",
            code="settings.mail",
            hint=f"chmod 600 {file}",
        )
    first = content.split(b"\n", 1)[0].rstrip(b"\r")
    if not 0 < len(first) <= MAX_PASSWORD_BYTES:
        raise Invalid("mail_password_file holds no password in its first line", code="settings.mail")
    return Secret(first)

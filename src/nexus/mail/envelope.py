"""A message as it travels: RFC 5322, plain text in UTF-8, and headers that no caller can add to."""

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from nexus.kernel.clock import Instant
from nexus.mail.model import Message, checked

MICROSECONDS = 1_000_000


def letter(message_id: str, message: Message, sender: str, at: Instant) -> EmailMessage:
    """The letter. The Message-ID is made from our id, so that a copy that is sent again is known as one."""
    message = checked(message)
    made = EmailMessage(policy=SMTP)
    made["From"] = Address("Nexus", addr_spec=sender)
    made["To"] = Address(addr_spec=message.to)
    made["Subject"] = message.subject
    made["Date"] = format_datetime(datetime.fromtimestamp(at / MICROSECONDS, UTC))
    made["Message-ID"] = f"<{message_id}@{sender.partition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no machine answers it
    made.set_content(message.body, charset="utf-8", cte="quoted-printable")
    return made

"""The carrier over SMTP: TLS always, the server's certificate verified, a bounded time for each message.

1. Connect; with `tls` the connection begins with TLS, with `starttls` nothing but STARTTLS is said before it.
2. Verify the certificate against the named authority, or those that the machine trusts, and the server's name.
3. Authenticate, if a name and a password are set; never before TLS.
4. MAIL, RCPT, DATA. A refusal of 5xx to RCPT or DATA is for good; everything else is for now.
"""

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret
from nexus.mail.envelope import letter
from nexus.mail.model import Message, NotNow, Refused, Unreachable

TIMEOUT_S: Final = 15.0
"""Each step of the conversation."""
_FOR_GOOD: Final = range(500, 600)


class Security(StrEnum):
    """How the connection is protected. There is no third way."""

    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True)
class MailServer:
    """The server that takes the platform's mail. `authority`: a file of certificates; empty: those of the machine."""

    host: str
    port: int
    security: Security
    sender: str
    user: str = ""
    password: Secret | None = None
    authority: str = ""


class SmtpCarrier:
    """Hands each message to the server over a connection of its own."""

    def __init__(self, server: MailServer, *, timeout_s: float = TIMEOUT_S) -> None:
        """Raises OSError if the authority's file cannot be read."""
        self._server = server
        self._timeout_s = timeout_s
        self._tls = ssl.create_default_context(cafile=server.authority or None)
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2

    def carry(self, message_id: str, message: Message, at: Instant) -> None:
        """See `Carrier`. What a server says is not repeated: it may quote the address."""
        made = letter(message_id, message, self._server.sender, at)
        with self._connection() as connection:
            try:
                connection.sendmail(self._server.sender, [message.to], made.as_bytes())
            except smtplib.SMTPRecipientsRefused as error:
                raise _judged(error.recipients[message.to][0]) from None
            except smtplib.SMTPSenderRefused:
                raise Unreachable("the mail server refuses our sender", code="mail.sender") from None
            except smtplib.SMTPResponseException as error:
                raise _judged(error.smtp_code) from None

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        try:
            connection = self._connect()
        except ssl.SSLCertVerificationError:
            raise Unreachable("the mail server's certificate does not verify", code="mail.certificate") from None
        except smtplib.SMTPAuthenticationError:
            raise Unreachable("the mail server refuses our password", code="mail.password") from None
        except (smtplib.SMTPException, OSError) as error:
            raise Unreachable(f"the mail server is out of reach ({type(error).__name__})", code="mail.server") from None
        try:
            yield connection
        except (smtplib.SMTPServerDisconnected, OSError):
            raise NotNow("the mail server hung up", code="mail.hung-up") from None
        finally:
            with suppress(smtplib.SMTPException, OSError):
                connection.quit()

    def _connect(self) -> smtplib.SMTP:
        server, connection = self._server, self._plain_or_tls()
        try:
            if server.security is Security.STARTTLS:
                connection.starttls(context=self._tls)
            if server.user and server.password is not None:
                connection.login(server.user, server.password.reveal().decode())
        except BaseException:
            connection.close()
            raise
        return connection

    def _plain_or_tls(self) -> smtplib.SMTP:
        server = self._server
        if server.security is Security.TLS:
            return smtplib.SMTP_SSL(server.host, server.port, timeout=self._timeout_s, context=self._tls)
        return smtplib.SMTP(server.host, server.port, timeout=self._timeout_s)


def _judged(code: int) -> NotNow | Refused:
    if code in _FOR_GOOD:
        return Refused(f"the mail server refuses the message ({code})", code="mail.refused")
    return NotNow(f"the mail server does not take the message now ({code})", code="mail.not-now")

"""Whether mail leaves, and whether it does so now."""

from nexus.app.doctor.finding import Finding, degraded, emulated, real
from nexus.app.settings import Settings
from nexus.kernel.clock import HOUR, Instant, rfc3339

PATIENCE = HOUR
"""A message that waits longer is worth a word."""


def delivery(settings: Settings, oldest: Instant | None, now: Instant) -> Finding:
    """`oldest`: since when a message waits, if one does."""
    if settings.mail_delivery == "off":
        return degraded("mail", "nobody is told by mail what happens to her account", "docs/how-to/send-mail.md")
    if settings.mail_delivery == "folder":
        return emulated("mail", "messages lie in a folder, in clear", "mail_delivery=smtp: docs/how-to/send-mail.md")
    if oldest is not None and now - oldest > PATIENCE:
        return degraded("mail", f"messages wait since {rfc3339(oldest)}", "see the messages of the worker")
    return real("mail", f"it leaves through {settings.mail_server}, over TLS")

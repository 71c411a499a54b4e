"""Mail: what is given up is an alarm, unless it was itself the mail of an alarm, or a patient's: her own portal tells her."""

import logging

from nexus.iam.letters import ALARM
from nexus.iam.store import alarms
from nexus.iam.supervision import AlarmKind
from nexus.kernel.clock import Instant
from nexus.kernel.database import Transaction
from nexus.portal.notices import letters, store

PLATFORM_ITSELF = "platform"
"""Whom the alarm is about: nobody. A person is found by whoever posted the message."""

_log = logging.getLogger("nexus.alarm")


def given_up(tx: Transaction, kind: str, message: str, at: Instant) -> None:
    """Raise the alarm. An alarm that cannot be mailed stands in the journal, and raises none again: that would never end."""
    if kind == ALARM:
        _log.critical("ALARM %s: %s could not be sent", AlarmKind.MAIL_GIVEN_UP, message)
        return
    if kind in letters.KINDS:
        store.given_up(tx, message, at)
        return
    alarms.sound(tx, AlarmKind.MAIL_GIVEN_UP, PLATFORM_ITSELF, message, at)

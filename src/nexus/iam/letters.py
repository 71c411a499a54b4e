"""Letters about accounts: what a notice and an alarm say by mail, in French and in English. They hold no secret and no link
that signs anybody in: whoever reads a letter still goes to the console by an address that she knows."""

from nexus.iam.model import Notice
from nexus.iam.notices import TEXTS
from nexus.iam.supervision import Alarm, AlarmKind
from nexus.kernel.clock import rfc3339
from nexus.mail.model import Message, Text

NOTICE, ALARM = "notice", "alarm"
"""Kinds of message, as the log shows them."""

ALARMS = {
    AlarmKind.BREAK_GLASS: ("an emergency access was opened", "un accès d'urgence a été ouvert"),
    AlarmKind.BREAK_GLASS_OVERDUE: (
        "an emergency access was not reviewed in time: the emergency rights of its user are suspended",
        "un accès d'urgence n'a pas été examiné à temps : les droits d'urgence de la personne sont suspendus",
    ),
    AlarmKind.MAIL_GIVEN_UP: ("a message could not be sent", "un message n'a pas pu être envoyé"),
}
"""Each kind of alarm in English and in French."""


def about_account(to: str, notice: Notice, console: str) -> Message:
    """What a person is told of her account. `console`: its address, as the installation knows it."""
    english, french = TEXTS[notice.kind]
    when = rfc3339(notice.first_at)
    return Message.bilingual(
        to,
        Text(
            "Votre compte Nexus",
            f"Votre compte : {french}.\n\nMoment : {when}\nAdresse réseau : {notice.origin}\n\n"
            "Si c'était vous, il n'y a rien à faire. Sinon, prévenez tout de suite la sécurité de votre établissement.\n"
            f"Votre compte se trouve dans la console : {console}",
        ),
        Text(
            "your Nexus account",
            f"Your account: {english}.\n\nTime: {when}\nNetwork address: {notice.origin}\n\n"
            "If it was you, there is nothing to do. If not, tell the security of your institution at once.\n"
            f"Your account is in the console: {console}",
        ),
        kind=NOTICE,
    )


def about_alarm(to: str, alarm: Alarm, console: str) -> Message:
    """What those who are on duty are told. It holds ids and names nobody."""
    english, french = ALARMS[alarm.kind]
    facts = f"{alarm.kind.value}\n{rfc3339(alarm.at)}\n{alarm.about}\n{alarm.person}\n{alarm.id}\n{console}"
    return Message.bilingual(
        to,
        Text("Alarme Nexus", f"Alarme : {french}.\n\n{facts}"),
        Text("Nexus alarm", f"Alarm: {english}.\n\n{facts}"),
        kind=ALARM,
    )

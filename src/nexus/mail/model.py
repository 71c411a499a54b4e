"""What is sent: a message to one person, in plain text, checked before anybody has to carry it."""

import re
from dataclasses import dataclass
from typing import Final, Self

from msgspec import Struct

from nexus.kernel.errors import Invalid, NexusError, Unavailable

MAX_ADDRESS_CHARS: Final = 254
MAX_SUBJECT_CHARS: Final = 150
MAX_BODY_CHARS: Final = 16_384
_ADDRESS: Final = re.compile(
    r"\A[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62})+\Z"
)
"""One mailbox and nothing else: no list, no comment, no quoted part, no line break."""
_KIND: Final = re.compile(r"\A[a-z][a-z0-9.-]{0,39}\Z")
_UNSEEN: Final = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]")
"""Control characters, and those that turn the direction of writing: nothing that a reader could be misled with."""


@dataclass(frozen=True, slots=True)
class Text:
    """A subject and a body in one language."""

    subject: str
    body: str


class Message(Struct, frozen=True, kw_only=True):
    """One message to one mailbox. `kind` is a word such as `notice`: it stands in the log, so it names nobody."""

    to: str
    subject: str
    body: str
    kind: str = "message"

    @classmethod
    def bilingual(cls, to: str, french: Text, english: Text, kind: str = "message") -> Self:
        """One message that says the same twice, for a person whose language nobody knows."""
        return cls(
            to=to,
            subject=f"{french.subject} / {english.subject}",
            body=f"{french.body.strip()}\n\n— English —\n\n{english.body.strip()}\n",
            kind=kind,
        )


def checked(message: Message) -> Message:
    """The message as it may be carried. Raises Invalid; the error quotes nothing of it."""
    if len(message.to) > MAX_ADDRESS_CHARS or not _ADDRESS.match(message.to):
        raise Invalid("this is no address that mail is sent to", code="mail.address")
    if not _KIND.match(message.kind):
        raise Invalid("the kind of a message is a word of small letters", code="mail.kind")
    if not 0 < len(message.subject) <= MAX_SUBJECT_CHARS or "\n" in message.subject or "\t" in message.subject:
        raise Invalid(f"a subject is one line of at most {MAX_SUBJECT_CHARS} characters", code="mail.subject")
    if not 0 < len(message.body) <= MAX_BODY_CHARS:
        raise Invalid(f"a message has at most {MAX_BODY_CHARS} characters", code="mail.body")
    if _UNSEEN.search(message.subject) or _UNSEEN.search(message.body):
        raise Invalid("a message holds characters that nobody sees", code="mail.characters")
    return message


class Refused(NexusError):
    """The server refuses this message for good: to send it again would change nothing."""

    kind = "mail-refused"


class NotNow(NexusError):
    """The server does not take this message now; it may later. Others may pass meanwhile."""

    kind = "mail-not-now"


class Unreachable(Unavailable):
    """No server that takes mail answers: none of the messages can leave."""

"""Labels of metrics and their values: closed lists, each taken from the table in the code that it is about.

A value that is not in its list becomes `other`, whoever made it up: that is what bounds the number of series, and what
keeps names of people, patients, buckets and objects out of them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from nexus.app import parts
from nexus.app.telemetry.health import Component
from nexus.kernel import errors
from nexus.kernel.observing import CANCELLED, INTERNAL, OK
from nexus.kms.callers import CALLERS

OTHER: Final = "other"
MAX_PLACES: Final = 16
"""Places of blobs that are told apart; further ones are `other`."""


@dataclass(frozen=True, slots=True)
class Label:
    """A label and every value that it can have, besides `other`."""

    name: str
    values: frozenset[str] | None
    """None: the table is the process's own (`tally.Tallies`), so that no process loads the pages of another."""
    says: str
    """What the values are, for the reference page."""

    def bounded(self, value: str) -> str:
        """The value, or `other`, of a list that is closed here."""
        return value if self.values is not None and value in self.values else OTHER

    def is_plausible(self, value: str) -> bool:
        """Whether a process may have told this value: the supervisor's second look."""
        if value == OTHER:
            return True
        return value in self.values if self.values is not None else _NAME.fullmatch(value) is not None


_NAME: Final = re.compile(r"[A-Za-z0-9/][A-Za-z0-9 /{}._-]{0,79}")
"""What names of routes and chores look like in our own tables."""


def label(name: str, values: Iterable[str], says: str) -> Label:
    """A label over a closed list."""
    return Label(name, frozenset(values), says)


def _kinds() -> frozenset[str]:
    found = (value for value in vars(errors).values() if isinstance(value, type))
    return frozenset(kind.kind for kind in found if issubclass(kind, errors.NexusError))


DOORS: Final = (parts.S3, parts.API, parts.CONSOLE, parts.PORTAL)
METHODS: Final = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS")
STATUSES: Final[Mapping[int, str]] = {hundred: f"{hundred}xx" for hundred in range(1, 6)}
DOOR: Final = label("door", DOORS, "the door")
METHOD: Final = label("method", METHODS, "the method of HTTP")
STATUS: Final = label(
    "status", [*STATUSES.values(), CANCELLED], "class of the answer's status; `cancelled`: there was none"
)
OUTCOME: Final = label("outcome", {OK, INTERNAL, CANCELLED, *_kinds()}, "`ok`, or the kind of the error")
SOURCE: Final = label("source", ("memory", "rights"), "whether the decision was remembered, or made from the rights")
DECISION: Final = label("decision", ("allowed", "denied"), "what was decided")
CALLER: Final = label("caller", parts.CALLERS, "the process that calls")
OUTBOX: Final = label(
    "outbox",
    ("mail", "decisions", "put_off", "key_service"),
    "what waits: mail, decisions of patients, those of them that were put off, entries of the key service",
)
WALK: Final = label(
    "walk", ("quick", "full"), "the quick walk (is each copy there?) or the full one (is every byte right?)"
)
FINDING: Final = label("finding", ("seen", "mended", "lost", "away"), "what the walk found so far")
PLACE: Final = label("place", map(str, range(MAX_PLACES)), "number of the place in the setting `blob_folders`, from 0")
FATE: Final = label("fate", ("kept", "dropped", "sent", "failed"), "what became of it")
CALL: Final = label("method", frozenset().union(*CALLERS.values()), "the method of the key service")
ROUTE: Final = Label(
    "route", None, "S3's verb, the operation's name, or the path of the page as the code writes it (`/people/{id}`)"
)
CHORE: Final = Label("chore", None, "the chore of the worker, by its name in the code")
COMPONENT: Final = label("component", Component, "what is missing")

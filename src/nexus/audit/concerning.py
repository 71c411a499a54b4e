"""Everything that the log says of one person, newest first, found without a search: by the keys that sealed it.

A person has one name or several: entries about many at once are sealed under a name that stands for all of them.

Each entry is sealed under an epoch key of the person whom it concerns, and the database knows which epochs are whose until
the person is erased. So a history of ten years costs what its page costs, however long the log of everybody else is. Only
the process that holds the audit private key can open what it finds.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nexus.audit import store
from nexus.audit.epochs import person_tag
from nexus.audit.model import EntryContent
from nexus.audit.opening import EntryOpener
from nexus.audit.payload import Opened
from nexus.kernel.clock import HOUR, Instant, rfc3339
from nexus.kernel.database import Database

MAX_OPENED: Final = 2_000
"""Entries opened for one page: a filter that lets little pass goes on with the next page."""
STEP: Final = 50
"""Entries opened at a time."""
LATE: Final = HOUR
"""How much later than its operation began an entry may have been recorded, for the short cut to a period."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries of a person's history. `until` is not included. `before`: a place in the log, of the page before."""

    matches: Callable[[EntryContent], bool]
    since: Instant | None = None
    until: Instant | None = None
    before: int | None = None
    limit: int = STEP


@dataclass(frozen=True, slots=True)
class History:
    """A page: entries with their places, newest first, and where the next one begins (None: at the beginning)."""

    entries: tuple[tuple[int, EntryContent], ...]
    next: int | None


class Concerning:
    """Histories of persons. Every method blocks: call it on a thread."""

    def __init__(self, db: Database, opener: EntryOpener) -> None:
        self._db = db
        self._opener = opener

    def page(self, names: Sequence[str], wanted: Wanted) -> History:
        """A page of what concerns a person, under any of these names."""
        places = self._places(names, wanted)
        since, until = _text(wanted.since), _text(wanted.until)
        found: list[tuple[int, EntryContent]] = []
        for start in range(0, min(len(places), MAX_OPENED), STEP):
            for place, content in self._opened(places[start : start + STEP]):
                if since is not None and content.recorded < since:
                    return History(tuple(found), None)
                if (until is not None and content.at >= until) or not wanted.matches(content):
                    continue
                if since is not None and content.at < since:
                    continue
                found.append((place, content))
                if len(found) == wanted.limit:
                    return History(tuple(found), place if place != places[-1] else None)
        return History(tuple(found), places[MAX_OPENED - 1] if len(places) > MAX_OPENED else None)

    def find(self, names: Sequence[str], place: int) -> EntryContent | None:
        """The entry at a place, if it concerns this person, under any of these names."""
        with self._db.read() as tx:
            if store.person_of_place(tx, place) not in {person_tag(name) for name in names}:
                return None
        return next((content for _, content in self._opened([place])), None)

    def places(self, names: Sequence[str], before: int | None = None) -> list[int]:
        """The places of a person's entries, in order, as far as they are before a place."""
        with self._db.read() as tx:
            end = store.read_head(tx).size if before is None else before
            return store.places_of_persons(tx, [person_tag(name) for name in names], end)

    def _places(self, names: Sequence[str], wanted: Wanted) -> list[int]:
        """The places of a person's entries, newest first, from where the page begins."""
        places = self.places(names, wanted.before)
        if wanted.until is not None:
            latest = rfc3339(Instant(wanted.until + LATE))
            places = places[: bisect_left(places, latest, key=self._recorded)]
        places.reverse()
        return places

    def _recorded(self, place: int) -> str:
        return next((content.recorded for _, content in self._opened([place])), "")

    def _opened(self, places: Sequence[int]) -> list[tuple[int, EntryContent]]:
        """Those that open; what was erased or damaged is left out, and `audit.log.verify` tells of it."""
        with self._db.read() as tx:
            rows = self._opener.at(tx, places)
        opened = [(row.index, row.entry.content()) for row in rows if isinstance(row.entry, Opened)]
        return sorted(opened, reverse=True, key=lambda one: one[0])


def _text(moment: Instant | None) -> str | None:
    return None if moment is None else rfc3339(moment)

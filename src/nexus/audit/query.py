"""A search, made ready: which terms a block must have, and whether an entry matches."""

from collections.abc import Collection
from dataclasses import dataclass

from nexus.audit.filters import Terms, concerned
from nexus.audit.model import EntryContent, ListEntries
from nexus.kernel.clock import Instant, rfc3339
from nexus.kernel.errors import Invalid

_WILDCARD = "*"


@dataclass(frozen=True, slots=True)
class Query:
    """`terms`: what a block's filter must hold. `before`: entries from this index on were already seen.

    `names`: under which the log speaks of the subject that is asked for.
    """

    request: ListEntries
    terms: tuple[bytes, ...]
    since: str | None
    until: str | None
    before: int | None
    names: frozenset[str]

    @classmethod
    def of(cls, request: ListEntries, terms: Terms, names: Collection[str] = ()) -> "Query":
        """Raises Invalid on a malformed cursor."""
        return cls(
            request,
            tuple(_digests(request, terms)),
            _time(request.since),
            _time(request.until),
            _cursor(request.cursor),
            frozenset(names or ([request.subject] if request.subject is not None else ())),
        )

    def may_overlap(self, first_at: str, last_at: str) -> bool:
        """Whether a block whose entries began between these times can hold a match."""
        return (self.since is None or last_at >= self.since) and (self.until is None or first_at < self.until)

    def matches(self, content: EntryContent) -> bool:
        """Whether an entry is wanted."""
        wanted, actor = self.request, content.actor
        return (
            (wanted.actor is None or wanted.actor in (actor.id, actor.person))
            and _fits(wanted.action, content.action)
            and _fits(wanted.resource, f"{content.resource.type}:{content.resource.id}")
            and (wanted.outcome is None or wanted.outcome == content.outcome)
            and (wanted.operation is None or wanted.operation == content.operation)
            and (wanted.subject is None or concerned(content) in self.names)
            and (self.since is None or content.at >= self.since)
            and (self.until is None or content.at < self.until)
        )

    @property
    def unfiltered(self) -> bool:
        """Whether every entry is wanted, those included that cannot be opened any more."""
        wanted = self.request
        filters = (
            wanted.actor,
            wanted.action,
            wanted.resource,
            wanted.outcome,
            wanted.operation,
            wanted.subject,
            self.since,
            self.until,
        )
        return all(value is None for value in filters)


def _fits(wanted: str | None, value: str) -> bool:
    if wanted is None:
        return True
    return value.startswith(wanted[:-1]) if wanted.endswith(_WILDCARD) else value == wanted


def _digests(request: ListEntries, terms: Terms) -> list[bytes]:
    digests = []
    if request.actor is not None:
        digests.append(terms.digest("actor", request.actor))
    if request.outcome is not None:
        digests.append(terms.digest("outcome", request.outcome))
    if request.operation is not None:
        digests.append(terms.digest("operation", request.operation))
    if request.subject is not None:
        digests.append(terms.digest("person", request.subject))
    if request.action is not None:
        digests += _prefix_digest(request.action, "action", ".", terms)
    if request.resource is not None:
        digests += _prefix_digest(request.resource, "resource", "/", terms)
    return digests


def _prefix_digest(wanted: str, kind: str, separator: str, terms: Terms) -> list[bytes]:
    """An exact term, or the longest prefix that filters know: up to a dot of an action, to a container of a resource."""
    if not wanted.endswith(_WILDCARD):
        return [terms.digest(kind, wanted)]
    cut = wanted.rfind(separator) if kind == "action" else wanted.find(separator)
    return [terms.digest("prefix", wanted[: cut + 1])] if cut >= 0 else []


def _time(moment: Instant | None) -> str | None:
    """A time in the form of payloads, which sorts as text."""
    try:
        return None if moment is None else rfc3339(moment)
    except (ValueError, OverflowError, OSError):
        raise Invalid("this time is outside the calendar", code="audit.time") from None


def _cursor(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Invalid("this is no cursor of audit.entry.list", code="audit.cursor")
    return int(text)

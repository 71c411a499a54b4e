"""What the other services tell identity for its analysis: buckets from the object store, past decisions from the audit log."""

from collections.abc import Callable

from nexus.audit.model import EntryContent, ListEntries
from nexus.audit.reader import AuditReader
from nexus.iam.ports import PastDecision
from nexus.kernel.clock import parse_rfc3339
from nexus.kernel.errors import NotFound
from nexus.kernel.operation import Outcome, Resource
from nexus.objects.buckets import Buckets

MAX_ENTRIES = 20
"""Entries of one operation that are looked at."""


class Evidence:
    """Reads; changes nothing."""

    def __init__(self, buckets: Buckets, reader: Callable[[], AuditReader]) -> None:
        self._buckets = buckets
        self._reader = reader

    def bucket(self, name: str) -> Resource | None:
        """A bucket with its facts, or None."""
        try:
            return self._buckets.find(name).resource
        except NotFound:
            return None

    def past(self, operation: str) -> PastDecision | None:
        """What the log says of an operation: a refusal before anything else, then what was done first."""
        page = self._reader().page(ListEntries(operation=operation, limit=MAX_ENTRIES))
        told = [entry.content for entry in page.entries if entry.content is not None]
        first = next((content for content in told if content.outcome is Outcome.DENIED), told[-1] if told else None)
        return None if first is None else _past(first)


def _past(content: EntryContent) -> PastDecision:
    resource = Resource(content.resource.type, content.resource.id)
    rules = str(content.details.get("rule") or "")
    return PastDecision(
        operation=content.operation,
        at=parse_rfc3339(content.at),
        actor=content.actor.id,
        kind=content.actor.kind,
        person=content.actor.person or content.actor.id,
        session=content.actor.session,
        action=content.action,
        resource=resource,
        purpose=content.purpose,
        origin=content.origin,
        outcome=content.outcome.value,
        code=str(content.details.get("code") or ""),
        rules=tuple(filter(None, rules.split(", "))),
    )

"""Stories that list: objects and versions, page by page, at a cost that depends on the page alone."""

import base64
import binascii
from collections.abc import Callable

from nexus.kernel.database import Transaction
from nexus.kernel.errors import Invalid
from nexus.kernel.operation import Entry, Operation
from nexus.objects import rules
from nexus.objects.consenting import Consenting, Sieve
from nexus.objects.errors import INVALID_TOKEN
from nexus.objects.model import MAX_PAGE, Bucket, Page, VersionPage
from nexus.objects.paging import Position, Scope, Walked, walk
from nexus.objects.store import versions
from nexus.objects.store.versions import VersionRow


class Listing:
    """Stories that list objects and versions."""

    def __init__(self, consenting: Consenting) -> None:
        self._consenting = consenting

    async def objects(
        self,
        op: Operation,
        bucket: Bucket,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        token: str | None = None,
        limit: int = MAX_PAGE,
    ) -> Page:
        """Latest versions that are not delete markers, in UTF-8 order; keys and prefixes count towards `limit`.

        `after` (start-after, or the marker of version 1) is exclusive; a marker that is a common prefix skips all of
        it. `token` is `Page.next` of the page before and goes before `after`. Raises Invalid `objects.invalid-token`.
        """
        scope = Scope(prefix, delimiter, min(limit, MAX_PAGE))
        start = scope.after(_named_in(token) if token is not None else after)

        def gather(tx: Transaction, sieve: Sieve) -> Walked[VersionRow]:
            return walk(
                scope,
                start,
                lambda position, size: versions.current(tx, bucket, position.key, scope.upper, size),
                lambda row: Position(rules.after_key(row.key)),
                sieve,
            )

        walked = await self._consenting.listed(op, bucket, gather, _entry(op, "objects.object.list", bucket, prefix))
        last = walked.end.key if isinstance(walked.end, VersionRow) else walked.end or ""
        shown = tuple(row.shown for row in walked.rows)
        return Page(versions=shown, prefixes=walked.prefixes, next=_token(last) if walked.more else None, last=last)

    async def versions(
        self,
        op: Operation,
        bucket: Bucket,
        *,
        prefix: str = "",
        delimiter: str = "",
        key_marker: str = "",
        version_id_marker: str | None = None,
        limit: int = MAX_PAGE,
    ) -> VersionPage:
        """Every version and delete marker, by key, newest first. The markers are exclusive."""
        scope = Scope(prefix, delimiter, min(limit, MAX_PAGE))
        start = scope.after(key_marker)

        def gather(tx: Transaction, sieve: Sieve) -> Walked[VersionRow]:
            begin = start
            if version_id_marker is not None and key_marker.startswith(prefix):
                marked = versions.version(tx, bucket, key_marker, version_id_marker)
                begin = Position(key_marker, marked.ordinal) if marked and sieve([marked]) else start

            def fetch(position: Position, size: int) -> list[VersionRow]:
                if position.within is None:
                    return versions.history(tx, bucket, position.key, scope.upper, size)
                key, ordinal = str(position.key), int(position.within)
                rows = versions.older(tx, bucket, key, ordinal, size)
                return rows + versions.history(tx, bucket, rules.after_key(key), scope.upper, size - len(rows))

            return walk(scope, begin, fetch, lambda row: Position(row.key, row.ordinal), sieve)

        walked = await self._consenting.listed(op, bucket, gather, _entry(op, "objects.version.list", bucket, prefix))
        shown = tuple(row.shown for row in walked.rows)
        end = walked.end if walked.more else None
        return VersionPage(
            versions=shown,
            prefixes=walked.prefixes,
            next_key=end.key if isinstance(end, VersionRow) else end,
            next_version_id=end.version_id if isinstance(end, VersionRow) else None,
        )


def _entry(op: Operation, action: str, bucket: Bucket, prefix: str) -> Callable[[Walked[VersionRow]], Entry]:
    """What a listing records: how much it showed."""

    def entry(walked: Walked[VersionRow]) -> Entry:
        return op.allowed(action, bucket.resource, prefix=prefix, shown=len(walked.rows) + len(walked.prefixes))

    return entry


def _token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _named_in(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise Invalid("this is not a continuation token of this listing", code=INVALID_TOKEN) from None

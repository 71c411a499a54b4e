"""Stories that list: objects and versions, page by page, at a cost that depends on the page alone."""

from nexus.kernel.operation import Operation
from nexus.objects.model import MAX_PAGE, Bucket, Page, VersionPage


class Listing:
    """Stories that list objects and versions."""

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
        raise NotImplementedError

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
        raise NotImplementedError

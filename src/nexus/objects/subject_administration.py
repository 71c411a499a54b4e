"""Subjects of objects as REST and the command line administer them, across buckets: what is held of them, its erasure."""

from collections.abc import Callable
from typing import Annotated, Final

from msgspec import Meta, Struct

from nexus.kernel.operation import Operation, Resource
from nexus.objects.erasing import Certificate
from nexus.objects.holdings import PAGE, HoldingPage
from nexus.objects.reaching import Reached
from nexus.objects.service import ObjectService

SubjectId = Annotated[str, Meta(min_length=5, max_length=64, examples=["sub_01jd3v8f2x7q9k4m6n0p5r1s2t"])]
MAX_REASON_CHARS: Final = 500


class ListHoldings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is held of one patient."""

    subject: SubjectId
    after: str = ""
    """`next` of the page before."""
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = 100


class EraseSubject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The erasure of what is held of one patient under his own name. It cannot be undone."""

    subject: SubjectId
    reason: Annotated[str, Meta(min_length=1, max_length=MAX_REASON_CHARS)]


class NamedSubject(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One patient."""

    subject: SubjectId


class ReachedPage(Struct, frozen=True, kw_only=True):
    """What a patient's withdrawals have reached, newest first."""

    reached: tuple[Reached, ...]


class SubjectAdministration:
    """The use cases. `resource` names a subject as the gate sees him: who decides for him, and where he belongs."""

    def __init__(self, objects: ObjectService, resource: Callable[[str], Resource]) -> None:
        self._objects = objects
        self.resource = resource

    async def holdings(self, op: Operation, request: ListHoldings) -> HoldingPage:
        """What is held of a subject, and where."""
        where = self.resource(request.subject)
        return await self._objects.holdings.of(op, where, request.subject, request.after, request.limit)

    async def reached(self, op: Operation, request: NamedSubject) -> ReachedPage:
        """What the withdrawals of a subject have reached in the buckets of projects."""
        found = await self._objects.reaching.of(op, self.resource(request.subject), request.subject)
        return ReachedPage(reached=tuple(found))

    async def erase(self, op: Operation, request: EraseSubject) -> Certificate:
        """Destroy the key of a subject and what it sealed. Raises NotFound, and Conflict while a lock keeps some of it."""
        return await self._objects.erasing.erase(op, request.subject, request.reason)

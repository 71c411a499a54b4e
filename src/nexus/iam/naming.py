"""Names for ids: lists speak of identities by their ids, people know each other by name.

An id that one holds was shown to one; what it adds is the name that a colleague signs with. Patients are never named.
"""

from nexus.iam.requests.names import Names, NamesOf, NameView
from nexus.iam.store import names
from nexus.kernel.database import Database
from nexus.kernel.errors import Invalid
from nexus.kernel.operation import PLATFORM, Operation

MAX_NAMES = 200
"""Ids in one request."""


class NamingStories:
    """Who is behind an id."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def name(self, op: Operation, request: NamesOf) -> Names:
        """The names of persons and machines; ids that name nobody are left out. Raises Invalid."""
        if len(request.ids) > MAX_NAMES:
            raise Invalid(f"at most {MAX_NAMES} ids at once", code="iam.too-many-names", hint="ask in several parts")
        with self._db.read() as tx:
            found = names.of_colleagues(tx, request.ids)
        await self._db.record(op.allowed("iam.identity.name", PLATFORM))
        return Names(
            names=tuple(
                NameView(id=known.id, kind=known.kind.value, name=known.name, login=known.login) for known in found
            )
        )

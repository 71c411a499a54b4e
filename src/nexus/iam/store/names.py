"""What identities are called."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from nexus.iam.model import IdentityKind
from nexus.kernel.database import Transaction


@dataclass(frozen=True, slots=True)
class KnownAs:
    """What a person or a machine is called. `login` is empty for a machine."""

    id: str
    kind: IdentityKind
    name: str
    login: str


def of_colleagues(tx: Transaction, ids: Sequence[str]) -> list[KnownAs]:
    """The names of these persons and machines, in order of creation; patients, and whoever was deleted, have none here."""
    rows = tx.all(
        "SELECT i.id, i.kind, i.name, p.login FROM iam_identity i LEFT JOIN iam_person p ON p.id = i.id"
        " WHERE i.id IN (SELECT value FROM json_each(?)) AND i.state <> 'deleted'"
        " AND i.id NOT IN (SELECT person FROM iam_patient) ORDER BY i.id",
        (msgspec.json.encode(list(ids)).decode(),),
    )
    return [KnownAs(id_, IdentityKind(kind), name, login or "") for id_, kind, name, login in rows]

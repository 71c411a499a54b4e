"""Finds a subject in every vault that knows him, and what he shares with others: by keyed indexes, as far as keys are at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nexus.kernel.database import Database
from nexus.kernel.errors import Conflict
from nexus.kernel.operation import Operation
from nexus.objects.naming import checked, is_manifest
from nexus.objects.store import subjects as rows
from nexus.objects.store.subjects import SubjectRow
from nexus.objects.vaults import Vault, Vaults

_DESTROYED: Final = "kms.key-destroyed"
_CLOSED: Final = "kms.key-not-enabled"
"""Of a key that is disabled, or waits for its destruction: behind it there may be something, and nobody looks."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of a subject, each with its vault. `closed`: a key that hides the others, where there is one."""

    rows: Sequence[tuple[Vault, SubjectRow]]
    closed: Conflict | None


class Finding:
    """Looks through the vaults. A vault whose key was destroyed knows nobody any more."""

    def __init__(self, database: Database, vaults: Vaults) -> None:
        self._database = database
        self.vaults = vaults

    async def everywhere(self, op: Operation, subject: str) -> Sequence[tuple[Vault, SubjectRow]]:
        """The rows of a subject. Raises Conflict while a key is disabled, and what else the key service raises."""
        found = await self.known(op, subject)
        if found.closed is not None:
            raise found.closed
        return found.rows

    async def known(self, op: Operation, subject: str) -> Found:
        """The rows of a subject behind the keys that are enabled. Raises what else the key service raises."""
        with self._database.read() as tx:
            known = rows.vaults(tx)
        found: list[tuple[Vault, SubjectRow]] = []
        closed: Conflict | None = None
        for each in known:
            try:
                vault = await self.vaults.open_row(op, each)
            except Conflict as error:
                if error.code not in {_DESTROYED, _CLOSED}:
                    raise
                closed = error if error.code == _CLOSED else closed
                continue
            row = vault.find(subject)
            if row is not None:
                found.append((vault, row))
        return Found(found, closed)

    async def names(self, op: Operation, subject: str) -> tuple[tuple[str, ...], bool]:
        """Under which names the log speaks of a subject: his own and the manifests that name him; whether that is all."""
        found = await self.known(op, checked(subject))
        with self._database.read() as tx:
            numbers = {manifest for _, row in found.rows for manifest in rows.manifests_with(tx, row.number)}
            named = {rows.name_of_manifest(tx, number) for number in sorted(numbers)}
        return (subject, *sorted(named)), found.closed is None

    async def members(self, op: Operation, name: str) -> tuple[str, ...] | None:
        """Whom a name of the log stands for: himself, or all whom a manifest names. None while the key that says so is disabled."""
        if not is_manifest(name):
            return (name,)
        with self._database.read() as tx:
            known = {row.number: row for row in rows.vaults(tx)}
            found = rows.manifests_named(tx, name)
        closed = False
        for manifest in found:
            try:
                vault = await self.vaults.open_row(op, known[manifest.vault])
            except Conflict as error:
                if error.code not in {_DESTROYED, _CLOSED}:
                    raise
                closed = closed or error.code == _CLOSED
                continue
            with self._database.read() as tx:
                return vault.subjects(tx, -manifest.number)
        return None if closed else ()

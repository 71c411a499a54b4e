"""Whom a form is about, chosen by name instead of typed as a number: for whoever may list people, while they fit in a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nexus.console.fields import Field, Kind
from nexus.console.visit import Visit
from nexus.kernel.operation import OperationSpec

PERSONS: Final = "iam.person.list"
MACHINES: Final = "iam.machine.list"
LISTS: Final = frozenset({PERSONS, MACHINES})
OF_PERSONS: Final = frozenset({"owner", "other", "person", "successor"})
OF_ANYBODY: Final = frozenset({"identity"})
MOST: Final = 200
"""Names in a list; a form about one of more is filled in from that person's page."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the list: what the operation is given, and what people read."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Choices:
    """Those that a field offers, persons apart from machines."""

    persons: Sequence[Choice] = ()
    machines: Sequence[Choice] = ()

    def holds(self, typed: Sequence[str]) -> bool:
        """Whether what is filled in, if anything is, can be chosen here."""
        ids = {one.id for one in (*self.persons, *self.machines)}
        return all(not text or text in ids for text in typed)


def names_somebody(spec: OperationSpec, field: Field) -> bool:
    """Whether a field takes the number of a person or a machine."""
    return spec.service == "iam" and field.kind is Kind.TEXT and field.name in OF_PERSONS | OF_ANYBODY


async def choices(visit: Visit, spec: OperationSpec, fields: Sequence[Field]) -> dict[str, Choices]:
    """By field: whom it may name. Empty for fields whose names the reader may not list, or are too many."""
    wanted = [field for field in fields if names_somebody(spec, field)]
    if not wanted or visit.actor is None:
        return {}
    persons = await _listed(visit, PERSONS, "persons")
    if not persons:
        return {}
    anybody = any(field.name in OF_ANYBODY for field in wanted)
    machines = await _listed(visit, MACHINES, "machines") if anybody else []
    return {field.name: Choices(persons, machines if field.name in OF_ANYBODY else ()) for field in wanted}


async def _listed(visit: Visit, operation: str, rows: str) -> list[Choice]:
    found = await visit.try_get(operation, limit=MOST + 1)
    named = found[rows] if found and len(found[rows]) <= MOST else []
    return [Choice(one["id"], _text(one)) for one in sorted(named, key=lambda one: str(one["name"]).casefold())]


def _text(one: dict[str, str]) -> str:
    return f"{one['name']} ({one['login']})" if "login" in one else one["name"]

"""What a site's own codes and references mean here, as the installation says. Nothing of it is guessed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from nexus.consent.fhir.clauses import Uses
from nexus.consent.model import COVERED
from nexus.iam.model import Purpose
from nexus.kernel.errors import Invalid

MAX_TERMS_BYTES: Final = 1024 * 1024
"""The largest file of terms."""


class _Purpose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    system: str
    code: str
    purpose: Purpose | None = None
    project: str = ""


class _Actor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reference: str
    person: str = ""
    site: str = ""
    break_glass: bool = False


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    purposes: list[_Purpose] = []
    actors: list[_Actor] = []


@dataclass(frozen=True, slots=True)
class Terms:
    """`purposes`: code -> what it is for. `persons`, `sites`: literal reference -> identity, or name of a site.
    `break_glass`: groups of those who may break the glass."""

    purposes: Mapping[tuple[str, str], Uses] = field(default_factory=dict)
    persons: Mapping[str, str] = field(default_factory=dict)
    sites: Mapping[str, str] = field(default_factory=dict)
    break_glass: frozenset[str] = frozenset()


NO_TERMS: Final = Terms()


def load(path: Path | None) -> Terms:
    """The terms in a file (docs/how-to/use-fhir.md), or none. Raises Invalid, without which nothing starts."""
    if path is None:
        return NO_TERMS
    try:
        if path.stat().st_size > MAX_TERMS_BYTES:
            raise Invalid("the file of FHIR terms is too large", code="consent.terms")
        given = msgspec.json.decode(path.read_bytes(), type=_File)
    except (OSError, msgspec.DecodeError) as error:
        raise Invalid("the file of FHIR terms cannot be read", code="consent.terms", hint=str(error)) from error
    return Terms(
        {(each.system, each.code): _uses(each) for each in given.purposes},
        {each.reference: each.person for each in given.actors if each.person},
        {each.reference: each.site for each in given.actors if each.site},
        frozenset(each.reference for each in given.actors if each.break_glass),
    )


def _uses(given: _Purpose) -> Uses:
    if given.project and given.purpose in (None, Purpose.RESEARCH):
        return Uses(projects=(given.project,))
    if given.purpose in COVERED and not given.project:
        return Uses(purposes=(given.purpose,))
    raise Invalid(f"the FHIR term {given.code!r} names no purpose that patients decide about", code="consent.terms")

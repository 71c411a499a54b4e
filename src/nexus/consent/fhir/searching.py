"""Search parameters: a closed list for each type, each with its kind. What is not in it is refused, never dropped.

FHIR lets a server ignore what it does not know; here that would answer another question than the one that was asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from nexus.consent.fhir.bundles import CURSOR
from nexus.consent.fhir.dates import span
from nexus.consent.fhir.directive import PatientName
from nexus.consent.fhir.facts import SITE_SYSTEM, subject_of
from nexus.consent.fhir.narrowing import LITERAL
from nexus.consent.fhir.troubles import Issue, Misfit, invalid
from nexus.kernel.clock import Instant

DEFAULT_COUNT: Final = 50
MAX_COUNT: Final = 200
"""Resources of one page."""
MAX_PARAMETERS: Final = 16
MAX_VALUE: Final = 256
"""Characters of a parameter's value."""


class Kind(StrEnum):
    """FHIR's kinds of search parameters, as far as they are needed, and those of the result."""

    TOKEN = "token"  # noqa: S105 - a name
    DATE = "date"
    REFERENCE = "reference"
    RESULT = "result"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A search parameter, for the reader, the CapabilityStatement and the manual."""

    name: str
    kind: Kind
    note: str


_RESULT: Final = (
    Parameter("_count", Kind.RESULT, f"resources of a page, {MAX_COUNT} at most"),
    Parameter(CURSOR, Kind.RESULT, "where the page begins, from `next`"),
    Parameter("_format", Kind.RESULT, "`json`"),
)
CONSENT: Final = (
    Parameter("patient", Kind.REFERENCE, "`Patient/` with the subject's id"),
    Parameter("patient.identifier", Kind.TOKEN, "`urn:nexus:site:<site>|<patient number>`"),
    Parameter("_id", Kind.TOKEN, "the Consent"),
    Parameter("status", Kind.TOKEN, "`active`, `inactive`"),
    Parameter("_lastUpdated", Kind.DATE, "when the version was recorded"),
    Parameter("purpose", Kind.TOKEN, "a purpose that one of its provisions names: `system|code`"),
    Parameter("actor", Kind.REFERENCE, "a recipient whom one of its provisions names"),
    *_RESULT,
)
"""One of `patient`, `patient.identifier` and `_id` is needed: nobody lists the patients of a site here."""
AUDIT_EVENT: Final = (
    Parameter("patient", Kind.REFERENCE, "`Patient/` with the subject's id: what concerned this patient"),
    Parameter("_id", Kind.TOKEN, "the entry's place in the log"),
    Parameter("date", Kind.DATE, "when it was recorded"),
    Parameter("agent.identifier", Kind.TOKEN, "`urn:nexus:identity|<id>`: who did it"),
    Parameter("entity.identifier", Kind.TOKEN, "`urn:nexus:resource|<Type:id>`: what it was done to"),
    Parameter("outcome", Kind.TOKEN, "`0`, `4`, `8` (R4); `success`, `error`, `fatal` (R5)"),
    *_RESULT,
)


class Query:
    """Parameters of a search, each known, each with one value (dates: one for each end)."""

    def __init__(self, asked: Iterable[tuple[str, str]], known: Iterable[Parameter]) -> None:
        """Raises Misfit on what is unknown, repeated, empty or too long."""
        kinds = {parameter.name: parameter.kind for parameter in known}
        self.asked = list(asked)
        if len(self.asked) > MAX_PARAMETERS:
            raise invalid(f"a search has {MAX_PARAMETERS} parameters at most")
        self._values: dict[str, list[str]] = {}
        for name, value in self.asked:
            if name not in kinds:
                raise Misfit(400, [Issue("not-supported", "no search parameter of this name is known here")])
            if not value or len(value) > MAX_VALUE or not value.isprintable():
                raise invalid(f"`{name}` is empty, too long or not printable")
            if "," in value:
                raise Misfit(400, [Issue("not-supported", f"`{name}`: several values are several searches")])
            found = self._values.setdefault(name, [])
            if found and not (kinds[name] is Kind.DATE and len(found) == 1):
                raise invalid(f"`{name}` is given too often")
            found.append(value)

    def text(self, name: str) -> str | None:
        """The value of a parameter."""
        return self._values[name][0] if name in self._values else None

    def count(self) -> int:
        """Resources of a page; beyond the most it is the most."""
        given = self.text("_count")
        if given is None:
            return DEFAULT_COUNT
        if not (given.isascii() and given.isdigit() and len(given) < 10):
            raise invalid("`_count` is a number")
        return max(1, min(int(given), MAX_COUNT))

    def reference(self, name: str) -> str | None:
        """A literal reference."""
        given = self.text(name)
        if given is not None and not LITERAL.fullmatch(given):
            raise invalid(f"`{name}` is a literal reference: Type/id")
        return given

    def patient(self) -> PatientName | None:
        """The patient, named in one of the two ways."""
        reference, identifier = self.text("patient"), self.token("patient.identifier")
        if reference is not None and identifier is not None:
            raise invalid("a patient is named once")
        if reference is not None:
            literal = reference if "/" in reference else f"Patient/{reference}"
            if not LITERAL.fullmatch(literal):
                raise invalid("`patient` is a literal reference: Patient/<subject>")
            return PatientName(subject=subject_of(literal))
        if identifier is not None:
            system = SITE_SYSTEM.fullmatch(identifier[0])
            if system is None:
                raise invalid("`patient.identifier` has the system urn:nexus:site:<site>")
            return PatientName(site=system[1], reference=identifier[1])
        return None

    def token(self, name: str) -> tuple[str, str] | None:
        """System and code; the system is empty where none is given."""
        given = self.text(name)
        if given is None:
            return None
        system, bar, code = given.partition("|")
        return (system, code) if bar else ("", system)

    def dates(self, name: str) -> tuple[Instant | None, Instant | None]:
        """From (included) and until (not included)."""
        since: Instant | None = None
        until: Instant | None = None
        for given in self._values.get(name, ()):
            prefix, text = (given[:2], given[2:]) if given[:2].isalpha() else ("eq", given)
            first, after = span(text, name)
            if prefix not in ("eq", "ge", "gt", "le", "lt"):
                raise Misfit(400, [Issue("not-supported", f"`{name}`: eq, ge, gt, le and lt are known")])
            if prefix in ("eq", "ge", "gt"):
                start = after if prefix == "gt" else first
                since = start if since is None else max(since, start)
            if prefix in ("eq", "le", "lt"):
                end = first if prefix == "lt" else after
                until = end if until is None else min(until, end)
        return since, until


def parameters_of(type_: str) -> Mapping[str, Parameter]:
    """The parameters of a type, by name."""
    return {each.name: each for each in {"Consent": CONSENT, "AuditEvent": AUDIT_EVENT}[type_]}

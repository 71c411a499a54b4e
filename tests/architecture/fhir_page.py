"""docs/reference/fhir.md, written from the tables that the FHIR door reads by."""

from collections.abc import Iterable, Iterator, Mapping

from nexus.consent.fhir import codes, reading
from nexus.consent.fhir.audit_events import INTERACTIONS
from nexus.consent.fhir.capability import AUDIT_INTERACTIONS, CONSENT_INTERACTIONS, REVOKE
from nexus.consent.fhir.elements import elements
from nexus.consent.fhir.negotiation import media_type
from nexus.consent.fhir.releases import FACTS, Release
from nexus.consent.fhir.searching import AUDIT_EVENT, CONSENT, MAX_COUNT, MAX_PARAMETERS, Parameter
from nexus.consent.model import MAX_PROVISIONS
from nexus.iam.model import Purpose
from nexus.web.binding import MAX_JSON_DEPTH
from nexus.web.body import MAX_BODY_BYTES

_INTERACTIONS = (
    ("`GET /metadata`", "open to everybody", "CapabilityStatement"),
    ("`POST /Consent`", "`consent.decision.record`", "create; `If-None-Exist` with search parameters"),
    ("`GET /Consent?…`, `POST /Consent/_search`", "`consent.effective.read`", "search"),
    ("`GET /Consent/<id>`", "`consent.effective.read`", "read"),
    ("`GET /Consent/<id>/_history/<version>`", "`consent.effective.read`", "vread"),
    ("`GET /Consent/<id>/_history`", "`consent.effective.read`", "history of one Consent"),
    ("`PUT /Consent/<id>`", "`consent.decision.record`", "update; `If-Match` is needed"),
    ("`POST /Consent/$revokeConsent`", "`consent.decision.record`", f"[HL7's operation]({REVOKE})"),
    ("`GET /AuditEvent?…`, `POST /AuditEvent/_search`", "`audit.entry.list`", "search, newest first"),
    ("`GET /AuditEvent/<place>`", "`audit.entry.list`", "read"),
)


def page() -> str:
    """The page."""
    releases = ", ".join(f"`/fhir/{each.value}` ({FACTS[each].version}, `{media_type(each)}`)" for each in Release)
    parts = [
        "# FHIR",
        "Written by `make reference`; do not edit.",
        f"Two releases, at the REST door: {releases}. A resource that was written in one is read in the other. How to use it:"
        " [guide](../how-to/use-fhir.md); why it is so: [decision](../decisions/0020-fhir-enforces-or-refuses.md).",
        "## Interactions",
        "Each is performed by operations of the platform, under their rights, and leaves their entries in the audit log. What"
        " an identity may not read is not found, in the same words as what does not exist.",
        _table(("request", "operation", "what it is"), _INTERACTIONS),
        f"Interactions of Consent: {_list(CONSENT_INTERACTIONS)}; of AuditEvent: {_list(AUDIT_INTERACTIONS)}. No delete, patch,"
        " batch, transaction or conditional update: they are refused.",
        "## Search parameters",
        f"At most {MAX_PARAMETERS} of them, {MAX_COUNT} resources a page. What is not listed is refused, whatever `Prefer: handling`"
        " says, and so are modifiers, chains and several values in one parameter. No bundle has a `total`.",
        "### Consent",
        _parameters(CONSENT),
        "One of `patient`, `patient.identifier` and `_id` is needed.",
        "### AuditEvent",
        _parameters(AUDIT_EVENT),
        "## Elements of a Consent",
        "Each element of an incoming resource is in this table, or the resource is refused (422) with the element's name in"
        " `OperationOutcome.issue.expression`. Nested provisions have the elements of `provision`.",
    ]
    for release in Release:
        rows = ((f"`{each.path}`", each.fate.value, each.note) for each in elements(release))
        parts += [f"### {release.value.upper()}", _table(("element", "what becomes of it", "meaning"), rows)]
    parts += [
        "## Codes",
        *_codes(),
        "## What a Consent comes to",
        _RULES,
        "## AuditEvent",
        *_audit(),
        "## Limits",
        _limits(),
    ]
    return "\n\n".join(parts) + "\n"


_RULES = f"""\
1. A Consent becomes a list of *provisions* ([explanation](../explanation/consent.md)): at most {MAX_PROVISIONS}. A denial wins.
2. R4: a root provision with a `type` is the rule; one without is the common part of the rules inside it. R5: what
   `provision` says is the opposite of `decision`, and what is nested the opposite again.
3. A nested provision takes over each element that it does not name from the one around it.
4. A permission says "nothing but": within its purposes and for its recipients, what it does not cover is refused. About other purposes it
   says nothing.
5. An R5 `decision` of `deny` refuses every purpose that no provision permits, unless the extension
   `{codes.PROVISIONS_ONLY}` says that the provisions are all that is said. We write it where that is meant.
6. A refusal wins over a permission inside it; only a permission for emergencies (BTG) is apart. Any other is refused.
7. No `purpose` means every purpose. Emergencies are meant only where BTG is named, or by a refusal without any criterion.
8. What has no form in R5 (refusals and permissions side by side) is written without a `decision`; each provision then says its type
   by HL7's cross-version extension, as a modifier."""


def _codes() -> Iterator[str]:
    purposes = [(code[1], ", ".join(f"`{each.value}`" for each in means)) for code, means in codes.PURPOSE_OF.items()]
    purposes.append((codes.BREAK_GLASS[1], "`care`, after the glass was broken"))
    purposes += [(code[1], "part of `care`: beside TREAT only") for code in sorted(codes.PART_OF_CARE)]
    own = ", ".join(f"`{each.value}`" for each in Purpose if codes.CODE_OF_PURPOSE[each][0] == codes.PURPOSE)
    yield f"Purposes (`{codes.ACT_REASON}`):"
    yield _table(("code", "purpose"), purposes)
    yield (
        f"Every purpose also under its own name (`{codes.PURPOSE}`), {own} only so; a named research project is"
        f" `{codes.PROJECT}` with its name. A refusal of HOPERAT refuses `quality` too."
    )
    yield "Security labels:"
    yield _table(("code", "meaning"), [*_values(codes.SENSITIVITY_OF), *_values(codes.LABEL_OF)])
    yield f"Categories of data: `{codes.CATEGORY}`. What data carry: `meaning` {_list(codes.MEANINGS)}."


def _values(known: Mapping[tuple[str, str], object]) -> Iterator[tuple[str, str]]:
    return ((code[1], f"`{value}`") for code, value in known.items())


def _audit() -> Iterator[str]:
    yield (
        "Entries of the audit log. In R4, what succeeded claims a profile of IHE's Basic Audit (`Patient…` where a patient is"
        " concerned); refusals and failures claim none, because there is none. Entries of erased persons are not shown."
    )
    rows: dict[tuple[str, str, str], list[str]] = {}
    for word, made in INTERACTIONS.items():
        rows.setdefault((made.code, made.action, made.profile or "-"), []).append(f"`{word}`")
    yield _table(
        ("last word of the action", "subtype", "action", "profile"),
        ((", ".join(words), *made) for made, words in rows.items()),
    )


def _limits() -> str:
    return (
        f"Bodies of {MAX_BODY_BYTES // 1024} KiB, {MAX_JSON_DEPTH} levels deep, {reading.MAX_ITEMS} elements of an array,"
        f" {reading.MAX_MEMBERS} members of an object, {reading.MAX_TEXT} characters of a text, numbers of {reading.MAX_DIGITS}"
        " digits. Members named twice, nulls, empty elements and texts that are no Unicode are refused."
    )


def _parameters(known: Iterable[Parameter]) -> str:
    return _table(("parameter", "kind", ""), ((f"`{each.name}`", each.kind.value, each.note) for each in known))


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [_row(titles), "|" + "---|" * len(titles), *(_row(row) for row in rows)]
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

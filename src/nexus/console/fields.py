"""From the fields of a request to the fields of a form, and from what was typed to the request's JSON document.

As on the command line: closed lists are choices, lists have a line for each value, times are in UTC, records are JSON, a
secret is never shown again. Names of controls of our own begin with `~`, which no field of a request does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from nexus.kernel.clock import Instant
from nexus.kernel.errors import Invalid
from nexus.kernel.operation import OperationSpec
from nexus.kernel.secret import Secret
from nexus.web import codec
from nexus.web.binding import is_list, plain
from nexus.web.browser.forms import Form
from nexus.web.fielddocs import field_docs

LONG_TEXTS: Final = frozenset({"reason", "justification", "description", "comment", "note", "text"})
"""Fields in which people write sentences."""
_MINUTES: Final = len("2026-11-23T04:18")


class Kind(StrEnum):
    """How a field is typed in."""

    TEXT = "text"
    LONG_TEXT = "long-text"
    NUMBER = "number"
    MOMENT = "moment"
    CHOICE = "choice"
    CHOICES = "choices"
    FLAG = "flag"
    HIDDEN = "hidden"
    LINES = "lines"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form."""

    name: str
    kind: Kind
    required: bool
    doc: str
    """The source's own words, in English."""
    default: str = ""
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    max_length: int | None = None


def fields_of(spec: OperationSpec) -> tuple[Field, ...]:
    """The fields of an operation's form, those that must be filled in first."""
    docs = field_docs(spec.request)
    made = [_field(field, docs.get(field.encode_name, "")) for field in msgspec.structs.fields(spec.request)]
    return tuple(sorted(made, key=lambda field: not field.required))


def document_of(fields: Sequence[Field], form: Form) -> dict[str, Any]:
    """The request's document: what was filled in, so that the service's own defaults hold for the rest."""
    values = {field.name: _value(field, form) for field in fields}
    return {name: value for name, value in values.items() if value is not None}


def typed(fields: Sequence[Field], form: Form) -> Mapping[str, list[str]]:
    """What was typed into each field, to show it again. Secrets are typed again."""
    return {field.name: [] if field.kind is Kind.HIDDEN else form.texts(field.name) for field in fields}


def _field(field: msgspec.structs.FieldInfo, doc: str) -> Field:
    type_, metas = plain(field.type), _metas(field.type)
    kind = _kind(field.encode_name, type_)
    described = next((meta.description for meta in metas if meta.description), "")
    return Field(
        name=field.encode_name,
        kind=kind,
        required=field.required,
        doc=(doc or described).replace("`", ""),
        default=_default(field.default),
        choices=_choices(plain(get_args(type_)[0])) if kind is Kind.CHOICES else _choices(type_),
        least=next((meta.ge for meta in metas if meta.ge is not None), None),
        most=next((meta.le for meta in metas if meta.le is not None), None),
        max_length=next((meta.max_length for meta in metas if meta.max_length is not None), None),
    )


def _kind(name: str, type_: Any) -> Kind:  # noqa: PLR0911 - a table
    if type_ is Secret:
        return Kind.HIDDEN
    if type_ is Instant:
        return Kind.MOMENT
    if type_ is bool:
        return Kind.FLAG
    if type_ in (int, float):
        return Kind.NUMBER
    if is_list(type_):
        return _list_kind(plain(get_args(type_)[0]))
    if _choices(type_):
        return Kind.CHOICE
    if get_origin(type_) in (dict, Mapping) or codec.fields_of(type_) is not None:
        return Kind.JSON
    return Kind.LONG_TEXT if name in LONG_TEXTS or type_ is bytes else Kind.TEXT


def _list_kind(inner: Any) -> Kind:
    if _choices(inner):
        return Kind.CHOICES
    return Kind.LINES if inner in (str, bytes) else Kind.JSON


def _choices(type_: Any) -> tuple[str, ...]:
    if isinstance(type_, type) and issubclass(type_, Enum):
        return tuple(str(member.value) for member in type_)
    return tuple(map(str, get_args(type_))) if get_origin(type_) is Literal else ()


def _metas(type_: Any) -> list[msgspec.Meta]:
    """Every limit and description on a type, through `Annotated` and `| None`."""
    own = [part for part in getattr(type_, "__metadata__", ()) if isinstance(part, msgspec.Meta)]
    return own + [meta for inner in get_args(type_) if not is_list(type_) for meta in _metas(inner)]


def _default(default: Any) -> str:
    if default in (None, "", (), msgspec.NODEFAULT):
        return ""
    return (
        str(default.value)
        if isinstance(default, Enum)
        else str(default).lower()
        if default in (True, False)
        else str(default)
    )


# What was typed


def _value(field: Field, form: Form) -> Any:
    if field.kind is Kind.CHOICES:
        return form.texts(field.name) or None
    text = form.text(field.name)
    if field.kind is Kind.HIDDEN:
        return text or None
    text = text.strip()
    return _READERS.get(field.kind, _text)(field.name, text) if text else None


def _text(name: str, text: str) -> str:
    return text


def _lines(name: str, text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _number(name: str, text: str) -> int | float:
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError as error:
        raise Invalid(f"Expected a number - at `$.{name}`", code="console.field") from error


def _flag(name: str, text: str) -> bool:
    return text == "true"


def _moment(name: str, text: str) -> str:
    """What `datetime-local` gives has no offset; the form says that it is UTC."""
    return f"{text}:00Z" if len(text) == _MINUTES else f"{text}Z" if len(text) == _MINUTES + 3 else text


def _json(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text.encode())
    except msgspec.DecodeError as error:
        raise Invalid(f"Expected JSON - at `$.{name}`", code="console.field") from error


_READERS: Final[Mapping[Kind, Any]] = {
    Kind.LINES: _lines,
    Kind.NUMBER: _number,
    Kind.FLAG: _flag,
    Kind.MOMENT: _moment,
    Kind.JSON: _json,
}

"""Results as what people read: facts, tables and words, by the result's type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, get_args, get_origin

from nexus.kernel.clock import Instant
from nexus.kernel.secret import Secret
from nexus.web import codec
from nexus.web.binding import is_list, plain


class Form(StrEnum):
    """How a value is shown."""

    NOTHING = "nothing"
    TEXT = "text"
    LONG_TEXT = "long-text"
    MOMENT = "moment"
    WORD = "word"
    FLAG = "flag"
    CREDENTIAL = "credential"
    LIST = "list"
    FACTS = "facts"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Shown:
    """A value and how it is shown. FACTS: (name, value) pairs; TABLE: rows, under `columns`; LIST: values."""

    form: Form
    text: str = ""
    parts: tuple[Any, ...] = ()
    columns: tuple[str, ...] = ()


NOTHING = Shown(Form.NOTHING)


def shown(value: Any, type_: Any = Any) -> Shown:  # noqa: PLR0911 - a table
    """A JSON value that an operation answered, as its result type means it."""
    kind = plain(type_)
    if value is None or value in ("", []) or value == {}:
        return NOTHING
    if kind is Secret:
        return Shown(Form.CREDENTIAL, str(value))
    if kind is Instant:
        return Shown(Form.MOMENT, str(value))
    if isinstance(value, bool):
        return Shown(Form.FLAG, "yes" if value else "no")
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Shown(Form.WORD, str(value))
    if isinstance(value, dict):
        return _facts(value, kind)
    if isinstance(value, list):
        return _list(value, kind)
    text = str(value)
    return Shown(Form.LONG_TEXT if "\n" in text.strip() else Form.TEXT, text)


def _facts(value: Mapping[str, Any], kind: Any) -> Shown:
    """In the order of the type's fields; what the type does not name comes last."""
    types = codec.fields_of(kind) or dict.fromkeys(value, _value_type(kind))
    names = [*(name for name in types if name in value), *(name for name in value if name not in types)]
    return Shown(Form.FACTS, parts=tuple((name, shown(value[name], types.get(name, Any))) for name in names))


def _list(value: Sequence[Any], kind: Any) -> Shown:
    inner = plain(get_args(kind)[0]) if is_list(kind) and get_args(kind) else Any
    if all(isinstance(row, dict) for row in value):
        return _table(value, inner)
    return Shown(Form.LIST, parts=tuple(shown(item, inner) for item in value))


def _table(rows: Sequence[Mapping[str, Any]], inner: Any) -> Shown:
    """Columns that hold nothing in any row are left out."""
    types = codec.fields_of(inner) or {}
    names = list(types) or list(dict.fromkeys(name for row in rows for name in row))
    columns = tuple(name for name in names if any(row.get(name) not in (None, "", [], {}) for row in rows))
    cells = tuple(tuple(shown(row.get(name), types.get(name, Any)) for name in columns) for row in rows)
    return Shown(Form.TABLE, parts=cells, columns=columns)


def _value_type(kind: Any) -> Any:
    return get_args(kind)[1] if get_origin(kind) in (dict, Mapping) and len(get_args(kind)) == 2 else Any

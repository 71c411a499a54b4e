"""Results as tables and cards. What to show follows from the result's type; a few wide results name their columns."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args, get_origin

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nexus.app.cli.parameters import plain
from nexus.kernel.secret import Secret
from nexus.web import codec

COLUMNS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "EntryView": (
        ("index", "index"),
        ("at", "content.at"),
        ("who", "content.actor.id"),
        ("action", "content.action"),
        ("resource", "content.resource.id"),
        ("purpose", "content.purpose"),
        ("door", "content.door"),
        ("outcome", "content.outcome"),
    ),
    "Intent": (
        ("id", "id"),
        ("what", "sentence"),
        ("requester", "requester"),
        ("approver", "approver_role"),
        ("state", "state"),
        ("expires at", "expires_at"),
    ),
    "Key": (
        ("id", "id"),
        ("class", "key_class"),
        ("purpose", "purpose"),
        ("owner", "owner"),
        ("state", "state"),
        ("next rotation", "next_rotation_at"),
    ),
}
"""Type of a row: (heading, path into the row) of each column. Types that are not named here show all their fields."""
STYLES: Final[Mapping[str, str]] = {
    "active": "green",
    "allowed": "green",
    "approved": "green",
    "denied": "red",
    "destroyed": "red",
    "destroying": "red",
    "disabled": "yellow",
    "enabled": "green",
    "executed": "dim",
    "expired": "dim",
    "failed": "yellow",
    "invited": "cyan",
    "pending-destruction": "red",
    "proposed": "cyan",
    "rejected": "red",
    "sealed": "yellow",
    "suspended": "yellow",
    "unsealed": "green",
}
"""Words of states and outcomes, and their colours. The word says it all without."""
MAX_BYTES_SHOWN: Final = 48
"""Characters of base64 shown to people; `--json` has them all."""

_TIME = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.\d+)?Z")


def rendered(type_: Any, document: Any) -> RenderableType:
    """A result of `type_`, as JSON document, for people."""
    if not isinstance(document, dict):
        return _cell(type_, document)
    types = codec.fields_of(plain(type_)) or dict.fromkeys(document, Any)
    rows = [name for name, kind in types.items() if _row_type(kind) is not None]
    scalars = [name for name in types if name not in rows]
    parts: list[RenderableType] = []
    if shown := [name for name in scalars if not (rows and name == "next")]:
        parts.append(_card({name: types[name] for name in shown}, document))
    for name in rows:
        if items := document.get(name):
            parts.append(_table(_row_type(types[name]), items))
    return Group(*parts)


def row_count(type_: Any, document: Any) -> int | None:
    """How many rows a list result has; None if the result is no list."""
    types = codec.fields_of(plain(type_)) or {}
    rows = [name for name, kind in types.items() if _row_type(kind) is not None]
    if len(rows) != 1 or set(types) - {rows[0], "next"}:
        return None
    return len(document.get(rows[0]) or ())


def holds_secret(type_: Any) -> bool:
    """Whether a result of this type carries a credential."""
    kind = plain(type_)
    return kind is Secret or any(
        holds_secret(inner) for inner in [*(codec.fields_of(kind) or {}).values(), *get_args(kind)]
    )


def _row_type(type_: Any) -> Any:
    kind = plain(type_)
    if get_origin(kind) in (list, tuple, Sequence) and codec.fields_of(plain(get_args(kind)[0])) is not None:
        return plain(get_args(kind)[0])
    return None


def _table(row_type: Any, items: Sequence[Mapping[str, Any]]) -> Table:
    types = codec.fields_of(row_type) or {}
    columns = COLUMNS.get(row_type.__name__) or tuple((name.replace("_", " "), name) for name in types)
    cells = [[_cell(_type_at(row_type, path), _at(item, path)) for _, path in columns] for item in items]
    used = [index for index in range(len(columns)) if any(row[index].plain for row in cells)]
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False)
    for index in used:
        table.add_column(columns[index][0], overflow="fold", no_wrap=index == 0)
    for row in cells:
        table.add_row(*(row[index] for index in used))
    return table


def _card(types: Mapping[str, Any], document: Mapping[str, Any]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, type_ in types.items():
        value = document.get(name)
        if value in (None, "", [], {}):
            continue
        inner = plain(type_)
        if isinstance(value, dict) and codec.fields_of(inner) is not None:
            grid.add_row(name.replace("_", " "), _card(codec.fields_of(inner) or {}, value))
        else:
            grid.add_row(name.replace("_", " "), _cell(type_, value))
    return grid


def _cell(type_: Any, value: Any) -> Text:
    kind = plain(type_)
    if value is None or value in ("", [], {}):
        return Text("")
    if kind is Secret:
        return Text(str(value), "bold yellow")
    if isinstance(value, list):
        inner = get_args(kind)[0] if get_args(kind) else Any
        return Text("\n").join(_cell(inner, item) for item in value)
    if isinstance(value, dict):
        return Text(", ".join(f"{key}={_cell(Any, item).plain}" for key, item in value.items()))
    return _scalar(kind, value)


def _scalar(kind: Any, value: Any) -> Text:
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if kind is bytes and len(value) > MAX_BYTES_SHOWN:
        return Text(f"{value[:MAX_BYTES_SHOWN]}… ({len(value)} characters of base64)")
    return _word(str(value))


def _word(text: str) -> Text:
    if time := _TIME.fullmatch(text):
        return Text(f"{time[1]} {time[2]}Z")
    return Text(text, STYLES.get(text, ""))


def _at(item: Any, path: str) -> Any:
    for name in path.split("."):
        item = item.get(name) if isinstance(item, dict) else None
    return item


def _type_at(type_: Any, path: str) -> Any:
    for name in path.split("."):
        type_ = (codec.fields_of(plain(type_)) or {}).get(name, Any)
    return type_


def indented(thing: RenderableType) -> RenderableType:
    """Two columns to the right."""
    return Padding(thing, (0, 0, 0, 2))

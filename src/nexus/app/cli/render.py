"""Results as tables and cards. What to show follows from the result's type; a few wide results name their columns."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, get_args, get_origin

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from nexus.kernel.secret import Secret
from nexus.web import codec
from nexus.web.binding import plain

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
        ("erased", "erased"),
    ),
    "Holder": (
        ("identity", "identity"),
        ("name", "name"),
        ("how", "how"),
        ("role", "role"),
        ("scope", "scope"),
        ("until", "until"),
        ("purposes", "purposes"),
        ("conditions", "conditions"),
    ),
    "Power": (
        ("role", "role"),
        ("scope", "scope"),
        ("how", "how"),
        ("until", "until"),
        ("actions", "actions"),
        ("held", "held"),
        ("conditions", "conditions"),
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
    "away": "red",
    "denied": "red",
    "destroyed": "red",
    "disk-full": "red",
    "destroying": "red",
    "disabled": "yellow",
    "enabled": "green",
    "executed": "dim",
    "expired": "dim",
    "failed": "yellow",
    "failing": "red",
    "foreign": "red",
    "invited": "cyan",
    "pending-destruction": "red",
    "proposed": "cyan",
    "reachable": "green",
    "read-only": "red",
    "rejected": "red",
    "sealed": "yellow",
    "silent": "red",
    "suspended": "yellow",
    "unsealed": "green",
}
"""Words of states and outcomes, and their colours. The word says it all without."""
DAYS: Final = frozenset({"created_at", "granted_at", "last_used", "starts_at", "ends_at", "next_rotation_at"})
"""Times of which tables show the day only."""
MIN_FOLDED: Final = 14
"""Characters that a folded cell keeps on each line."""
MAX_BYTES_SHOWN: Final = 48
"""Characters of base64 shown to people; `--json` has them all."""

UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
DAY_LENGTH: Final = len("2026-11-23")
_TERM = re.compile(r"[a-z][a-z_.-]{0,31}")
"""A word of ours (`pending-destruction`, `objects.object.read`), which a fold would spoil."""
_SHOWN_TIME = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}Z")
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
            if parts:
                parts.append(Text(f"\n{name.replace('_', ' ')}", "dim"))
            parts.append(_Rows(_row_type(types[name]), items))
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


class _Rows:
    """Rows of one type: a table where its columns fit side by side, a card for each row where they don't."""

    def __init__(self, row_type: Any, items: Sequence[Mapping[str, Any]]) -> None:
        types = codec.fields_of(row_type) or {}
        columns = COLUMNS.get(row_type.__name__) or tuple((name.replace("_", " "), name) for name in types)
        cells = [[_table_cell(row_type, item, path) for _, path in columns] for item in items]
        used = [index for index in range(len(columns)) if any(row[index].plain for row in cells)]
        self._headings = [columns[index][0] for index in used]
        self._rows = [[row[index] for index in used] for row in cells]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widest = [max(cell_len(row[index].plain) for row in self._rows) for index in range(len(self._headings))]
        # What is short (times, states) and what is copied (the id in front) stays whole; long text gives way.
        whole = [
            index == 0 or all(map(_is_whole, column)) for index, column in enumerate(zip(*self._rows, strict=True))
        ]
        least = [width if keep else min(width, MIN_FOLDED) for width, keep in zip(widest, whole, strict=True)]
        least = [max(width, len(heading)) for width, heading in zip(least, self._headings, strict=True)]
        if sum(least) + len(least) - 1 > options.max_width:
            yield from self._cards()
            return
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=0, header_style="bold", show_edge=False)
        for heading, keep, width in zip(self._headings, whole, least, strict=True):
            table.add_column(heading, overflow="fold", no_wrap=keep, min_width=width)
        for row in self._rows:
            table.add_row(*row)
        yield table

    def _cards(self) -> Iterator[RenderableType]:
        for number, row in enumerate(self._rows):
            if number:
                yield Text("")
            yield grid((heading, cell) for heading, cell in zip(self._headings, row, strict=True) if cell.plain)


def grid(rows: Iterable[tuple[str, RenderableType]]) -> Table:
    """Names on the left, values on the right."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, thing in rows:
        table.add_row(name, thing)
    return table


def _table_cell(row_type: Any, item: Mapping[str, Any], path: str) -> Text:
    value = _at(item, path)
    if value is False:
        return Text("")
    cell = _sized(path, value) or _cell(_type_at(row_type, path), value)
    return cell[:DAY_LENGTH] if path in DAYS else cell


def _is_whole(cell: Text) -> bool:
    return len(cell) <= MIN_FOLDED or bool(_TERM.fullmatch(cell.plain) or _SHOWN_TIME.fullmatch(cell.plain))


def _card(types: Mapping[str, Any], document: Mapping[str, Any]) -> Table:
    return grid(
        (name.replace("_", " "), _sized(name, document[name]) or _value(type_, document[name]))
        for name, type_ in types.items()
        if not _is_empty(document.get(name))
    )


def _value(type_: Any, value: Any) -> RenderableType:
    inner = codec.fields_of(plain(type_))
    return _card(inner, value) if isinstance(value, dict) and inner is not None else _cell(type_, value)


def _cell(type_: Any, value: Any) -> Text:
    kind = plain(type_)
    if _is_empty(value):
        return Text("")
    if kind is Secret:
        return Text(str(value), "bold yellow")
    if isinstance(value, list | tuple):
        inner = get_args(kind)[0] if get_args(kind) else Any
        return Text("\n").join(_cell(inner, item) for item in value)
    if isinstance(value, dict):
        return Text(", ".join(f"{key}={_cell(Any, item).plain}" for key, item in value.items()))
    return _scalar(kind, value)


def _sized(name: str, value: Any) -> Text | None:
    """A number of bytes in the unit that people read; `--json` has the number. None if it is none."""
    if not name.endswith("bytes") or not isinstance(value, int):
        return None
    size, unit = float(value), 0
    while abs(size) >= 1_000 and unit < len(UNITS) - 1:
        size, unit = size / 1_024, unit + 1
    return Text(f"{size:.1f} {UNITS[unit]}" if unit else f"{value} B")


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], (), {})


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

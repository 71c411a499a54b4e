"""Changes of `nexus.toml` by Nexus itself: settings are set or taken out, what people wrote beside them stays."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Final

from nexus.app.database_settings import DatabaseSettings
from nexus.app.datadir import DataDirectory, write_durably
from nexus.kernel.errors import Conflict

HEADER: Final = "[settings]"
DATABASE: Final = tuple(name for name in DatabaseSettings.__struct_fields__ if name.startswith("database_"))
"""Where the database is. The class inherits settings of other things, which a move of the database leaves alone."""
BLOB_FOLDERS: Final = ("blob_folders", "blob_copies_least")
_NAME: Final = re.compile(r"\s*([A-Za-z0-9_]+)\s*=")

Scalar = str | int | bool
Change = Mapping[str, Scalar | None]
"""Setting -> its value, or None to take it out."""


def change_settings(directory: DataDirectory, change: Change) -> None:
    """Write them into the directory, durably. Raises Conflict where people must do it."""
    write_durably(directory.description, changed(directory.description.read_text("utf-8"), change).encode())


def changed(text: str, change: Change) -> str:
    """The text of a `nexus.toml` with other settings. Raises Conflict where its lines are not as we write them."""
    before = tomllib.loads(text)
    lines = list(_without(text, change))
    if HEADER not in lines:
        lines.append(HEADER)
    at = lines.index(HEADER) + 1
    # Scalars of JSON are scalars of TOML.
    lines[at:at] = [f"{name} = {json.dumps(value)}" for name, value in change.items() if value is not None]
    found = "\n".join(lines) + "\n"
    kept = {name: value for name, value in before.get("settings", {}).items() if name not in change}
    wanted = before | {"settings": kept | {name: value for name, value in change.items() if value is not None}}
    try:
        right = tomllib.loads(found) == wanted
    except tomllib.TOMLDecodeError:
        right = False
    if not right:
        raise Conflict(
            "the settings in nexus.toml are written in a way that only people should change",
            code="settings.by-hand",
            hint=f"one line for each, under {HEADER}: {', '.join(change)}",
        )
    return found


def _without(text: str, change: Change) -> list[str]:
    kept, inside = [], False
    for line in text.splitlines():
        if line.lstrip().startswith("["):
            inside = line.strip() == HEADER
        name = _NAME.match(line)
        if not (inside and name and name[1] in change):
            kept.append(line.rstrip() if line.strip() == HEADER else line)
    return kept

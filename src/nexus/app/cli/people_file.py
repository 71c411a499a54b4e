"""A file of people, as a human-resources department exports it, and what it takes to make the platform agree with it.

CSV with a header, or a JSON array of objects: `login`, `name`, `email`, and optionally `active` (yes or no) and
`successor` (the login of whoever takes over the machines). Unknown columns are refused: a misspelt one must not be
ignored. Pure: nothing is called here.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from nexus.kernel.errors import Invalid

MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_PEOPLE = 50_000
MAX_FIELD = 256
"""Characters in one field."""
FIELDS = ("login", "name", "email", "active", "successor")
REQUIRED = ("login", "name", "email")
_YES, _NO = {"yes", "true", "1", "oui", ""}, {"no", "false", "0", "non"}


@dataclass(frozen=True, slots=True)
class Line:
    """One person as the file has her."""

    login: str
    name: str
    email: str
    active: bool
    successor: str


class Step(StrEnum):
    """What has to be done for one person."""

    JOIN = "join"
    LEAVE = "leave"
    RETURN = "return"
    DIFFERS = "differs"
    """The account has another name or address: for a human to look at."""


@dataclass(frozen=True, slots=True)
class Move:
    """A step for one person; `id` is that of her account, empty for a joiner; `successor` is an id."""

    step: Step
    login: str
    id: str = ""
    name: str = ""
    email: str = ""
    successor: str = ""


def read(raw: bytes, *, is_json: bool) -> list[Line]:
    """The lines of a file. Raises Invalid, naming the line, on anything that is not exactly in this form."""
    if len(raw) > MAX_FILE_BYTES:
        raise Invalid(f"the file is larger than {MAX_FILE_BYTES} bytes", code="people.too-large")
    try:
        text = raw.decode("utf-8-sig")
        rows = json.loads(text) if is_json else _rows(text)
    except (UnicodeDecodeError, ValueError, RecursionError, csv.Error) as error:
        raise Invalid("the file is neither CSV nor JSON in UTF-8", code="people.unreadable") from error
    if not isinstance(rows, list) or len(rows) > MAX_PEOPLE:
        raise Invalid(f"the file is no list of at most {MAX_PEOPLE} people", code="people.no-list")
    lines = [_line(number, row) for number, row in enumerate(rows, 1)]
    _require_unique(lines)
    return lines


def _rows(text: str) -> list[Mapping[str, Any]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    return list(reader)


def _line(number: int, row: Any) -> Line:
    if not isinstance(row, Mapping) or set(row) - set(FIELDS) or any(not row.get(name) for name in REQUIRED):
        raise Invalid(
            f"entry {number} has not the fields that it needs",
            code="people.fields",
            hint=f"login, name, email; optionally active, successor: {', '.join(FIELDS)}",
        )
    values = {name: str(row.get(name) if row.get(name) is not None else "").strip() for name in FIELDS}
    if any(len(value) > MAX_FIELD or not value.isprintable() for value in values.values()):
        raise Invalid(f"a field of entry {number} is too long or not printable", code="people.fields")
    active = values["active"].lower()
    if active not in _YES | _NO:
        raise Invalid(f"entry {number}: active is yes or no", code="people.active")
    return Line(
        values["login"].lower(), values["name"], values["email"].lower(), active in _YES, values["successor"].lower()
    )


def _require_unique(lines: Iterable[Line]) -> None:
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        for mark in (f"login {line.login}", f"email {line.email}"):
            if mark in seen:
                raise Invalid(f"entry {number} repeats a login or an address", code="people.repeated")
            seen.add(mark)


def plan(lines: Sequence[Line], accounts: Sequence[Mapping[str, Any]], *, complete: bool) -> list[Move]:
    """What makes the accounts agree with the file, leavers first. `complete`: who is not in the file leaves.

    `accounts` are the persons as `iam.person.list` shows them. Raises Invalid on a successor who has no account.
    """
    by_login = {account["login"]: account for account in accounts}
    moves = [move for line in lines if (move := _move(line, by_login)) is not None]
    if complete:
        listed = {line.login for line in lines}
        moves += [
            Move(Step.LEAVE, login, account["id"])
            for login, account in by_login.items()
            if login not in listed and account["state"] != "suspended"
        ]
    order = list(Step)
    return sorted(moves, key=lambda move: (order.index(move.step) if move.step is not Step.LEAVE else -1, move.login))


def _move(line: Line, by_login: Mapping[str, Mapping[str, Any]]) -> Move | None:
    account = by_login.get(line.login)
    if account is None:
        return Move(Step.JOIN, line.login, name=line.name, email=line.email) if line.active else None
    if not line.active:
        if account["state"] == "suspended":
            return None
        return Move(Step.LEAVE, line.login, account["id"], successor=_successor(line, by_login))
    if (account["name"], account["email"]) != (" ".join(line.name.split()), line.email):
        return Move(Step.DIFFERS, line.login, account["id"], line.name, line.email)
    return Move(Step.RETURN, line.login, account["id"]) if account["state"] == "suspended" else None


def _successor(line: Line, by_login: Mapping[str, Mapping[str, Any]]) -> str:
    if not line.successor:
        return ""
    if line.successor not in by_login:
        raise Invalid(f"the successor of {line.login} has no account", code="people.successor")
    return str(by_login[line.successor]["id"])

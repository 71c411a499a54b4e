"""FHIR as lines of resources (NDJSON) or as one Bundle of any size: each resource by the paths of its elements.

A Bundle is cut into its entries as it arrives; no more than one resource is in memory. What makes a resource valid is for
the mapping to judge: here it is JSON, of an agreed type, and the text of every element goes to the scanner.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from nexus.warehouse.intake.agreement import Encoding, Table
from nexus.warehouse.intake.lines import decoded, lines
from nexus.warehouse.intake.report import Fault, faulty

MAX_RESOURCE_CHARACTERS: Final = 4 << 20
MAX_DEPTH: Final = 64

Cells = dict[str, list[str]]
"""Path without numbers, such as `Patient.name.family` -> texts."""


def ndjson(content: Iterator[bytes], table: Table) -> Iterator[tuple[int, Cells]]:
    """(line, cells) of each resource. Raises FaultyError."""
    return ((number, _cells(document, table, number)) for number, document in documents(content))


def bundle(content: Iterator[bytes], table: Table) -> Iterator[tuple[int, Cells]]:
    """(number of the entry, cells) of each resource of a Bundle. Raises FaultyError."""
    for number, entry in bundled(content):
        yield number, _cells(entry.get("resource") if isinstance(entry, dict) else None, table, number)


def documents(content: Iterator[bytes]) -> Iterator[tuple[int, Any]]:
    """(line, what it holds) of each line that is not empty. Raises FaultyError."""
    for number, line in enumerate(lines(content, Encoding.UTF_8), start=1):
        if line.strip():
            yield number, _parsed(line, number)


def bundled(content: Iterator[bytes]) -> Iterator[tuple[int, Any]]:
    """(number, entry) of each entry of a Bundle. Raises FaultyError."""
    entries = _Entries()
    number = 0
    for text in decoded(content, Encoding.UTF_8):
        for entry in entries.feed(text):
            number += 1
            yield number, _parsed(entry, number)
    entries.end(number)


def _parsed(text: str, line: int) -> Any:
    try:
        document = json.loads(text)
        if _HALF.search(text) is not None:
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise faulty(Fault.FHIR, "this is no JSON, or it stopped in the middle", line=line) from None
    return document


def _cells(resource: Any, table: Table, line: int) -> Cells:
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    if kind not in table.resources:
        raise faulty(Fault.FHIR, "no resource of an agreed type", line=line, column="resourceType")
    found: defaultdict[str, list[str]] = defaultdict(list)
    _walk(resource, str(kind), found, line, 0)
    return found


def _walk(node: Any, path: str, found: defaultdict[str, list[str]], line: int, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise faulty(Fault.FHIR, f"elements lie deeper than {MAX_DEPTH} in each other", line=line)
    if isinstance(node, dict):
        for name, inner in node.items():
            _walk(inner, f"{path}.{name}", found, line, depth + 1)
    elif isinstance(node, list):
        for inner in node:
            _walk(inner, path, found, line, depth + 1)
    elif isinstance(node, str | int | float) and not isinstance(node, bool):
        found[path].append(str(node))


class _Entries:
    """Cuts the list `entry` of a Bundle into its members, as text, in one pass; it jumps from mark to mark."""

    def __init__(self) -> None:
        self._depth = 0
        self._quoted = self._escaped = False
        self._word = ""
        self._key = ""
        self._inside = False
        self._held: list[str] = []
        self._size = 0
        self._over = False

    def feed(self, text: str) -> Iterator[str]:
        """The entries that end in this piece. Raises FaultyError."""
        at, begun = int(self._escaped), 0 if self._inside and self._depth >= _ENTRY else -1
        self._escaped = False
        while (mark := (_IN_QUOTES if self._quoted else _STRUCTURE).search(text, at)) is not None:
            if self._quoted:
                at = self._in_quotes(text, at, mark)
                continue
            at = mark.end()
            if mark.group() == '"':
                self._quoted, self._word = True, ""
            elif mark.group() in "{[":
                begun = self._opened(mark, begun)
            else:
                if self._inside and self._depth == _ENTRY:
                    self._held.append(text[begun:at])
                    yield "".join(self._held)
                    self._held, self._size, begun = [], 0, -1
                self._closed()
        if self._quoted:
            self._add(text[at:])
        self._hold(text, begun)

    def end(self, number: int) -> None:
        """Raises FaultyError if the Bundle is not whole."""
        if not self._over:
            raise faulty(Fault.TRUNCATED, "the Bundle stops in the middle, or is none", line=number)

    def _in_quotes(self, text: str, at: int, mark: re.Match[str]) -> int:
        self._add(text[at : mark.start()])
        if mark.group() == "\\":
            self._escaped = mark.end() == len(text)
            return mark.end() + 1
        self._quoted = False
        if self._depth == 1:
            self._key = self._word
        return mark.end()

    def _add(self, piece: str) -> None:
        """Names of elements of the Bundle itself are remembered, as far as they can be `entry`."""
        if self._depth == 1 and len(self._word) <= len("entry"):
            self._word += piece[: len("entry") + 1]

    def _opened(self, mark: re.Match[str], begun: int) -> int:
        if self._depth == 0 and (self._over or mark.group() == "["):
            raise faulty(Fault.FHIR, "a file is one Bundle and nothing besides")
        self._depth += 1
        if self._depth == _ENTRY - 1 and mark.group() == "[":
            self._inside = self._key == "entry"
        return mark.start() if self._inside and self._depth == _ENTRY else begun

    def _closed(self) -> None:
        self._depth -= 1
        self._inside = self._inside and self._depth >= _ENTRY - 1
        self._over = self._over or self._depth == 0

    def _hold(self, text: str, begun: int) -> None:
        if begun < 0:
            return
        self._held.append(text[begun:])
        self._size += len(text) - begun
        if self._size > MAX_RESOURCE_CHARACTERS:
            raise faulty(Fault.TOO_LARGE, f"a resource has more than {MAX_RESOURCE_CHARACTERS} characters")


_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""Half of a character beyond the first plane: without its other half it is no text in any encoding."""
_ENTRY: Final = 3
"""How deep an entry lies: in the Bundle, in its list, itself."""
_STRUCTURE: Final = re.compile(r'["{}\[\]]')
_IN_QUOTES: Final = re.compile(r'["\\]')

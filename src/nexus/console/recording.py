"""A recording of a shell as text that can be read, also aloud: what was shown and typed, with its time.

Recordings are asciicast v3 (docs/formats/recording.md): a header, then events with the seconds since the one before.
Colours and movements of the cursor are left out; players show them, from the file.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

SHOWN, TYPED, MARK = "o", "i", "m"
_CONTROL: Final = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_].*?\x1b\\|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]",
    re.DOTALL,
)
"""Escape sequences (titles, colours, movements) and control characters, but for tab and new line."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What happened in one breath: `kind` is `o` (shown), `i` (typed) or `m` (a marker)."""

    seconds: int
    """Since the beginning of the part that is shown."""
    kind: str
    text: str


def moments_of(cast: str) -> list[Moment]:
    """The readable events of a part of a recording, neighbours of one kind joined. Lines that are none are left out."""
    found: list[Moment] = []
    elapsed = 0.0
    for line in cast.splitlines():
        event = _event(line)
        if event is None:
            continue
        interval, kind, text = event
        elapsed += interval
        if kind not in (SHOWN, TYPED, MARK):
            continue
        if found and found[-1].kind == kind and kind != MARK:
            found[-1] = Moment(found[-1].seconds, kind, found[-1].text + text)
        else:
            found.append(Moment(int(elapsed), kind, text))
    return [Moment(one.seconds, one.kind, text) for one in found if (text := plain(one.text)).strip()]


def plain(text: str) -> str:
    """Text without what only a terminal understands."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _event(line: str) -> tuple[float, str, str] | None:
    try:
        event: Any = msgspec.json.decode(line.encode())
    except msgspec.DecodeError:
        return None
    if not isinstance(event, list) or len(event) != 3:
        return None
    interval, kind, text = event
    if not isinstance(interval, int | float) or not isinstance(kind, str) or not isinstance(text, str):
        return None
    return float(interval), kind, text

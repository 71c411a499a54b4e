"""What went over a terminal, as asciicast v3: a header, then events, one JSON line each. docs/formats/recording.md.

Events: `o` output, `i` input, `r` a new size, `m` a marker, `x` the exit status. Text is UTF-8 by the format; bytes that are
not are shown as U+FFFD, and an event `b` before them (which players skip) holds the exact bytes in base64.
"""

import base64
import codecs
from typing import Any, Final

import msgspec

VERSION: Final = 3
MAX_TEXT_BYTES: Final = 8_192
"""Bytes of one event: with JSON's escapes its line stays shorter than a chunk."""
HIDDEN: Final = "[hidden]"
"""Recorded in place of what is typed where the terminal shows nothing: passwords."""
_encode = msgspec.json.encode


class Transcript:
    """Makes the lines. `now` is a monotonic time in seconds; events carry the time since the one before."""

    def __init__(self, now: float) -> None:
        self._last = now
        self._decoders = {code: codecs.getincrementaldecoder("utf-8")("strict") for code in "io"}
        self._hiding = False

    def header(self, columns: int, rows: int, *, timestamp: int, **more: Any) -> bytes:
        """The first line. `timestamp`: seconds since 1970; `more`: `term_type`, `title`, `command`, `env`."""
        term: dict[str, Any] = {"cols": columns, "rows": rows}
        if term_type := more.pop("term_type", ""):
            term["type"] = term_type
        given = {name: value for name, value in more.items() if value}
        return _encode({"version": VERSION, "term": term, "timestamp": timestamp, **given}) + b"\n"

    def output(self, data: bytes, now: float) -> bytes:
        """What the terminal showed."""
        self._hiding = False
        return self._text("o", data, now)

    def typed(self, data: bytes, now: float, *, hidden: bool) -> bytes:
        """What was typed. What is hidden is said once, without its length."""
        if not hidden:
            self._hiding = False
            return self._text("i", data, now)
        if self._hiding:
            return b""
        self._hiding = True
        return self._event("i", HIDDEN, now)

    def resize(self, columns: int, rows: int, now: float) -> bytes:
        return self._event("r", f"{columns}x{rows}", now)

    def marker(self, label: str, now: float) -> bytes:
        return self._event("m", label, now)

    def exit(self, status: int, now: float) -> bytes:
        return self._event("x", str(status), now)

    def _text(self, code: str, data: bytes, now: float) -> bytes:
        pieces = (data[at : at + MAX_TEXT_BYTES] for at in range(0, len(data), MAX_TEXT_BYTES))
        return b"".join([self._piece(code, piece, now) for piece in pieces])

    def _piece(self, code: str, data: bytes, now: float) -> bytes:
        decoder = self._decoders[code]
        pending, _ = decoder.getstate()
        try:
            text = decoder.decode(data)
        except UnicodeDecodeError:
            decoder.reset()
            exact = pending + data
            raw = self._event("b", base64.b64encode(exact).decode(), now)
            return raw + self._event(code, exact.decode("utf-8", "replace"), now)
        return self._event(code, text, now) if text else b""

    def _event(self, code: str, data: str, now: float) -> bytes:
        interval = max(0.0, round(now - self._last, 6))
        self._last = max(now, self._last)
        return _encode([interval, code, data]) + b"\n"

"""Bytes as lines of text: the encoding is checked as it goes by, and no line is longer than memory may hold."""

import codecs
import io
from collections.abc import Iterator
from typing import Final

from nexus.warehouse.intake.agreement import Encoding
from nexus.warehouse.intake.report import Fault, faulty

MAX_LINE_CHARACTERS: Final = 4 << 20
BOM: Final = "\ufeff"


def lines(chunks: Iterator[bytes], encoding: Encoding) -> Iterator[str]:
    """Each line with its end. Raises FaultyError with the line where the encoding is another one."""
    done = 0
    carried = ""
    for text in decoded(chunks, encoding):
        carried += text
        if "\n" in text:
            whole = io.StringIO(carried, newline="\n").readlines()
            carried = "" if whole[-1].endswith("\n") else whole.pop()
            done += len(whole)
            yield from whole
        if len(carried) > MAX_LINE_CHARACTERS:
            raise faulty(Fault.ROW_FORM, f"a line is longer than {MAX_LINE_CHARACTERS} characters", line=done + 1)
    if carried:
        yield carried


def decoded(chunks: Iterator[bytes], encoding: Encoding) -> Iterator[str]:
    """The text, in pieces as it arrives. Raises FaultyError with the line where the encoding is another one."""
    decoder = codecs.getincrementaldecoder(encoding.value)(errors="strict")
    doubt = _Doubt() if encoding is not Encoding.UTF_8 else None
    newlines, first = 0, True
    for chunk, last in _marked(chunks):
        if b"\0" in chunk:
            line = newlines + chunk[: chunk.index(b"\0")].count(b"\n") + 1
            raise faulty(
                Fault.ENCODING, f"a byte 0: this is UTF-16 or no text at all; agreed is {encoding.value}", line=line
            )
        try:
            text = decoder.decode(chunk, final=last)
        except UnicodeDecodeError as error:
            line = newlines + bytes(error.object[: error.start]).count(b"\n") + 1
            raise faulty(Fault.ENCODING, f"these bytes are not {encoding.value}", line=line) from None
        if doubt is not None:
            doubt.look_at(chunk, last=last)
        if first and text:
            text, first = text.removeprefix(BOM), False
        newlines += text.count("\n")
        yield text
    if doubt is not None and doubt.is_utf_8:
        raise faulty(Fault.ENCODING, f"this is utf-8; agreed is {encoding.value}")


def _marked(chunks: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Each chunk, and whether it is the last; the last may be empty."""
    held = b""
    for chunk in chunks:
        if held:
            yield held, False
        held = chunk
    yield held, True


class _Doubt:
    """Whether a file that was agreed to be of an older encoding is UTF-8: it then has letters that make sense in no other way.

    Any bytes are text in a one-byte encoding, so that nothing else tells.
    """

    def __init__(self) -> None:
        self._decoder: codecs.IncrementalDecoder | None = codecs.getincrementaldecoder("utf-8")(errors="strict")
        self._letters = 0

    def look_at(self, chunk: bytes, *, last: bool) -> None:
        """The next bytes."""
        if self._decoder is None:
            return
        try:
            text = self._decoder.decode(chunk, final=last)
        except UnicodeDecodeError:
            self._decoder = None
        else:
            self._letters += sum(not character.isascii() for character in text)

    @property
    def is_utf_8(self) -> bool:
        """Whether it is."""
        return self._decoder is not None and self._letters > 0

"""A form of a browser (multipart/form-data), read as it arrives: its fields first, then its file as a stream.

Everything before the file comes from strangers, before anybody is authenticated: its number, names and sizes have limits.
What comes after the file is not looked at, as in S3.
"""

import re
from collections.abc import AsyncIterator

from nexus.objects.s3 import errors
from nexus.objects.s3.errors import Refusal
from nexus.objects.s3.stream import BodyStream

MAX_FIELDS = 64
MAX_FIELDS_BYTES = 64 * 1024
"""Bytes of all that stands before the file, headers of parts included."""
MAX_BOUNDARY = 70

_BOUNDARY = re.compile(
    r'multipart/form-data\s*;.*?boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70})(?=[\s;]|\Z))', re.IGNORECASE
)
_NAME = re.compile(rb'(?:^|[;\s])name="([^"\r\n]{1,256})"', re.IGNORECASE)
_FILENAME = re.compile(rb'(?:^|[;\s])filename="([^"\r\n]{0,1024})"', re.IGNORECASE)
_DISPOSITION = re.compile(rb"content-disposition:\s*form-data\s*;([^\r\n]*)", re.IGNORECASE)
_TYPE = re.compile(rb"content-type:\s*([^\r\n]+)", re.IGNORECASE)
_CRLF = b"\r\n"
FILE = "file"


def boundary_of(content_type: str) -> bytes | None:
    """The boundary of a form, or None if this is not the type of one."""
    match = _BOUNDARY.match(content_type)
    return (match[1] or match[2]).encode("latin-1") if match else None


class Form:
    """One form, read once. `fields` have lower-case names; they, `filename` and `file_type` are valid after `read`."""

    def __init__(self, stream: BodyStream, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.filename = self.file_type = ""
        self._raw = stream.chunks()
        self._delimiter = _CRLF + b"--" + boundary
        self._buffer = bytearray(_CRLF)  # so that the first boundary is one like the others
        self._taken = 0

    async def read(self) -> None:
        """Read up to the first byte of the file. Raises Refusal on anything that is not a form."""
        await self._skip_to_boundary()
        for _ in range(MAX_FIELDS):
            head = await self._until(_CRLF + _CRLF)
            disposition = _DISPOSITION.search(head)
            name = _NAME.search(disposition[1]) if disposition else None
            if disposition is None or name is None:
                raise _malformed()
            field = _text(name[1]).lower()
            if field == FILE:
                filename = _FILENAME.search(disposition[1])
                self.filename = re.split(r"[/\\]", _text(filename[1]))[-1] if filename else ""
                kind = _TYPE.search(head)
                self.file_type = _text(kind[1]).strip() if kind else ""
                return
            if field in self.fields:
                raise Refusal(errors.INVALID_ARGUMENT, "a field of the form is given twice")
            self.fields[field] = _text(await self._until(self._delimiter))
            await self._end_of_boundary()
        raise Refusal(errors.MAX_POST_PRE_DATA)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The file, in pieces. Raises Refusal if the form ends before its boundary."""
        keep = len(self._delimiter) - 1
        while True:
            at = self._buffer.find(self._delimiter)
            if at >= 0:
                if at:
                    yield bytes(self._buffer[:at])
                self._buffer.clear()
                async for _ in self._raw:
                    pass  # what comes after the file
                return
            if len(self._buffer) > keep:
                piece = bytes(self._buffer[:-keep])
                del self._buffer[:-keep]
                yield piece
            if not await self._fill():
                raise Refusal(errors.INCOMPLETE_BODY, "the form ended within its file")

    async def _skip_to_boundary(self) -> None:
        await self._until(self._delimiter)
        await self._end_of_boundary()

    async def _end_of_boundary(self) -> None:
        if await self._until(_CRLF):
            raise Refusal(errors.INVALID_ARGUMENT, "POST requires exactly one file upload per request.")

    async def _until(self, end: bytes) -> bytes:
        """What comes before `end`, which is taken too."""
        while (at := self._buffer.find(end)) < 0:
            if len(self._buffer) + self._taken > MAX_FIELDS_BYTES:
                raise Refusal(errors.MAX_POST_PRE_DATA)
            if not await self._fill():
                raise _malformed()
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(end)]
        self._taken += at + len(end)
        if self._taken > MAX_FIELDS_BYTES:
            raise Refusal(errors.MAX_POST_PRE_DATA)
        return found

    async def _fill(self) -> bool:
        piece = await anext(self._raw, None)
        self._buffer += piece or b""
        return piece is not None


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise _malformed() from error


def _malformed() -> Refusal:
    return Refusal(errors.MALFORMED_POST)

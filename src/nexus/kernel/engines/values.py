"""Values as they travel to PostgreSQL and back, so that work sees what it would see of SQLite: int, str, bytes, None.

Text may hold any Unicode character, though PostgreSQL's holds no U+0000: two control characters are written in two, so
that every text has one form, and the forms sort as the texts do.
"""

import re
from typing import Any, Final

import psycopg
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format
from psycopg.types.bool import BoolBinaryLoader
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader

_ESCAPES: Final = {"\x00": "\x01\x01", "\x01": "\x01\x02"}
_ESCAPED: Final = re.compile("\x01([\x01\x02])")
_TEXT: Final = ("text", "varchar", "bpchar", "name", "json")


def written(text: str) -> str:
    """Text as it is stored: in the same order, without U+0000."""
    if "\x00" not in text and "\x01" not in text:
        return text
    return "".join(_ESCAPES.get(character, character) for character in text)


def read(text: str) -> str:
    """Undo `written`."""
    if "\x01" not in text:
        return text
    return _ESCAPED.sub(lambda pair: "\x00" if pair[1] == "\x01" else "\x01", text)


class _TextDumper(Dumper):
    """Always of type text: PostgreSQL then never guesses, and never takes a text for a number."""

    format = Format.BINARY
    oid = psycopg.adapters.types["text"].oid

    def dump(self, obj: str) -> bytes:
        return written(obj).encode()


class _WholeDumper(Int8BinaryDumper):
    """Always bigint: one prepared statement, whatever the size of the number. Truth is 0 or 1, as in SQLite."""

    def dump(self, obj: Any) -> Any:
        return super().dump(int(obj))


class _TextLoader(Loader):
    format = Format.BINARY

    def load(self, data: Any) -> str:
        return read(bytes(data).decode())


class _TruthLoader(BoolBinaryLoader):
    def load(self, data: Any) -> Any:
        return int(super().load(data))


class _WholeLoader(NumericBinaryLoader):
    """Sums of bigint are numeric: whole numbers all the same."""

    def load(self, data: Any) -> Any:
        number = super().load(data)
        whole = int(number)
        if whole != number:
            raise psycopg.DataError("a number of the database is not whole")
        return whole


def adapt(connection: "psycopg.Connection[Any]") -> None:
    """Make a connection speak so."""
    adapters = connection.adapters
    adapters.register_dumper(str, _TextDumper)
    adapters.register_dumper(int, _WholeDumper)
    adapters.register_dumper(bool, _WholeDumper)
    for name in _TEXT:
        adapters.register_loader(name, _TextLoader)
    adapters.register_loader("bool", _TruthLoader)
    adapters.register_loader("numeric", _WholeLoader)

"""Statements of expressions: each is made once in a process, and kept beside a conversion for its refresh.

To build an expression and make it into SQL costs Python some twenty milliseconds, and a conversion has a hundred. What a statement says
follows from the code of this package, the releases of the libraries and the source alone: `about` is a hash of these.
Whoever could write the file in which statements are kept would write what is run. So it is read only if it is this user's own, nobody else
may write to it, and it is authenticated by the key of the conversion; else statements are made anew.
"""

import functools
import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

import ibis.expr.types as ir
import msgspec

from nexus.kernel.secret import Secret
from nexus.warehouse.omop.engine import Named
from nexus.warehouse.omop.source import Coded, Source

LARGEST: Final = 16 << 20
"""Bytes of a file of statements."""
_MAKERS: Final = ("duckdb", "ibis-framework", "sqlglot")
_MAC: Final = 32
_LABEL: Final = b"nexus omop statements 1"
_OTHERS: Final = stat.S_IWGRP | stat.S_IWOTH


class _Statement(msgspec.Struct, frozen=True, array_like=True):
    sql: str
    reads: list[str]
    """Tables that must be in their place before it runs."""


class _Kept(msgspec.Struct, frozen=True):
    about: str
    made: dict[str, _Statement]


class Statements:
    """The statements about one source."""

    def __init__(self, about: str) -> None:
        self._about, self._made = about, dict[str, _Statement]()

    def of(self, asked: Named, compiled: Callable[[ir.Table], str]) -> str:
        """The statement of an expression, which is built if its name is new; the tables that it reads are in their place then."""
        known = self._made.get(asked.name)
        if known is None:
            sql = compiled(asked.make())
            known = self._made[asked.name] = _Statement(sql, sorted(set(asked.reads)))
        else:
            for table in known.reads:
                asked.look(table)
        return known.sql

    def recall(self, path: Path, key: Secret) -> None:
        """Add what a conversion has kept, if all of it is genuine, and about the same."""
        body = _genuine(path, key)
        if body is None:
            return
        kept = msgspec.json.decode(body, type=_Kept)
        if kept.about == self._about:
            self._made = kept.made | self._made

    def keep(self, path: Path, key: Secret) -> None:
        """Write them, readable to this user alone."""
        body = msgspec.json.encode(_Kept(self._about, self._made))
        new = path.with_name(f".{path.name}.new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(_mac(body, key) + body)
        new.replace(path)


@functools.cache
def statements(about: str) -> Statements:
    """Those of this process."""
    return Statements(about)


def about(source: Source) -> str:
    """What all statements of a source follow from: another text wherever one of them could be another."""
    tables = [
        (table.name, table.every_column, table.person, [tie.kind for tie in table.tied]) for table in source.tables
    ]
    mappings = [
        (mapping.name, mapping.driver, mapping.targets, mapping.by_piece, _called(mapping.build))
        for mapping in source.mappings
    ]
    domains = [mapping.domain for mapping in source.mappings if isinstance(mapping, Coded)]
    means = [source.name, tables, mappings, domains, source.vocabularies, source.observed_by, source.period_type]
    return hashlib.sha256(repr([_of_code(), *means, sorted(source.shifted)]).encode()).hexdigest()


def _called(build: Callable[..., ir.Table]) -> str:
    """What a function is called. One that is made while others run may be another under the same name: it is nobody's equal."""
    if isinstance(build, functools.partial):
        return f"{_called(build.func)}({', '.join(_called(a) if callable(a) else repr(a) for a in build.args)})"
    name = f"{build.__module__}.{build.__qualname__}"
    return name if "<" not in name else secrets.token_hex()


@functools.cache
def _of_code() -> str:
    """A hash of this package, and of what makes SQL of it."""
    here = Path(__file__).parent
    files = sorted(path for path in here.rglob("*") if path.is_file() and path.suffix not in (".pyc", ".pyo"))
    digest = hashlib.sha256(repr([version(name) for name in _MAKERS]).encode())
    for path in files:
        digest.update(f"{path.relative_to(here)} {path.stat().st_size} ".encode() + path.read_bytes())
    return digest.hexdigest()


def _genuine(path: Path, key: Secret) -> bytes | None:
    """What a file holds, if it is ours and this key has written it."""
    try:
        with path.open("rb") as file:
            told = os.fstat(file.fileno())
            if told.st_uid != os.geteuid() or told.st_mode & _OTHERS or told.st_size > LARGEST:
                return None
            held = file.read(LARGEST)
    except OSError:  # not there, or not ours to read
        return None
    mac, body = held[:_MAC], held[_MAC:]
    return body if hmac.compare_digest(mac, _mac(body, key)) else None


def _mac(body: bytes, key: Secret) -> bytes:
    return hmac.digest(hmac.digest(key.reveal(), _LABEL, hashlib.sha256), body, hashlib.sha256)

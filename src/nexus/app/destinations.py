"""Where events of buckets may be sent: names that the operator gives to addresses, in a file that nobody else writes."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from nexus.kernel.errors import Invalid
from nexus.kernel.secret import Secret

MIN_SECRET_BYTES: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HINT: Final = "docs/how-to/notify-tools.md"


class Destination(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address under a name. `sites`: whose buckets may name it. `secret_file`: what its messages are signed with."""

    name: str
    url: str
    secret_file: str
    sites: tuple[str, ...]
    authority: str = ""
    """File with the certificate authority of its TLS. Empty: the authorities that this machine trusts."""

    def secret(self) -> Secret:
        """The secret. Raises Invalid if its file cannot be read, or holds too little."""
        try:
            read = Secret(Path(self.secret_file).read_bytes().strip())
        except OSError as error:
            raise _wrong(self.name, f"secret_file cannot be read ({error.strerror})") from error
        if len(read) < MIN_SECRET_BYTES:
            raise _wrong(self.name, f"a secret has at least {MIN_SECRET_BYTES} bytes")
        return read


class _File(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    destination: tuple[Destination, ...] = ()


class Destinations:
    """The port `objects.s3.ports.Destinations`, and what the worker knows of each."""

    def __init__(self, known: Mapping[str, Destination]) -> None:
        self.known = known

    def takes(self, name: str, site: str) -> bool:
        """Whether buckets of a site may name it."""
        found = self.known.get(name)
        return found is not None and site in found.sites


def load(file: str) -> Destinations:
    """The configured ones; none without a file. Raises Invalid, saying where, on anything that is not safe or not understood."""
    if not file:
        return Destinations({})
    try:
        found = msgspec.toml.decode(Path(file).read_bytes(), type=_File).destination
    except OSError as error:
        raise Invalid(f"{file} cannot be read ({error.strerror})", code="destinations.file", hint=_HINT) from error
    except msgspec.DecodeError as error:
        raise Invalid(f"{file}: {error}", code="destinations.file", hint=_HINT) from error
    if len({one.name for one in found}) != len(found):
        raise Invalid(f"{file} names a destination twice", code="destinations.file", hint=_HINT)
    for one in found:
        _check(one)
    return Destinations({one.name: one for one in found})


def _check(one: Destination) -> None:
    if not _NAME.fullmatch(one.name):
        raise _wrong(one.name, "a name has letters, digits, dashes and underscores")
    parts = urlsplit(one.url)
    if parts.scheme != "https" or not parts.hostname or parts.username or parts.password or parts.fragment:
        raise _wrong(one.name, "the url is an https address without credentials")
    if not one.sites:
        raise _wrong(one.name, "`sites` says whose buckets may name it")


def _wrong(name: str, what: str) -> Invalid:
    return Invalid(f"destination {name}: {what}", code="destinations.file", hint=_HINT)

"""Styles, scripts and pictures: served by ourselves, under names that hold their hash, so that they never change."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

SHARED: Final = Path(__file__).parent / "static"
"""What every door for browsers needs."""
PREFIX: Final = "/static/"
HASH_LENGTH: Final = 16
"""Hexadecimal digits of the SHA-256 in a name."""
MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
)
"""What may lie in the folder."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that browsers may keep for ever."""

    body: bytes
    media_type: str


class Assets:
    """Everything in these folders, read once. A name stands in one of them only."""

    def __init__(self, *folders: Path) -> None:
        files = sorted(path for folder in folders for path in folder.iterdir() if path.suffix in MEDIA_TYPES)
        contents = {path: path.read_bytes() for path in files}
        self._public = {path.name: _public_name(path, body) for path, body in contents.items()}
        self._assets = {
            self._public[path.name]: Asset(body, MEDIA_TYPES[path.suffix]) for path, body in contents.items()
        }

    def path_of(self, name: str) -> str:
        """Where pages find the file `name`. Raises KeyError: a page that names a file that is not there is our fault."""
        return PREFIX + self._public[name]

    def get(self, public_name: str) -> Asset | None:
        """The file behind a public name."""
        return self._assets.get(public_name)


def _public_name(path: Path, body: bytes) -> str:
    return f"{path.stem}.{sha256(body).hexdigest()[:HASH_LENGTH]}{path.suffix}"

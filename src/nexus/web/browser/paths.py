"""Where a form or a sign-in may lead: a path of this door, and nothing else."""

from typing import Final
from urllib.parse import quote, urlsplit

HOME: Final = "/"
SIGN_IN: Final = "/sign-in"
MAX_PATH: Final = 4_096
"""Characters of a path with its query that a redirection may have: requests of other applications are long."""


def own(wanted: str) -> str:
    """`wanted` if it is a path here with an optional query, else the home page; never the sign-in itself."""
    here = ours(wanted)
    return HOME if here.startswith(SIGN_IN) else here


def ours(wanted: str) -> str:
    """`wanted` if it is a path here with an optional query, else the home page.

    Browsers read `//host`, `/\\host` and `/<tab>/host` as other hosts, so none of these is a path.
    """
    if not wanted.startswith("/") or wanted.startswith("//") or len(wanted) > MAX_PATH:
        return HOME
    if "\\" in wanted or not wanted.isascii() or not wanted.isprintable() or " " in wanted:
        return HOME
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return HOME
    return HOME if parts.scheme or parts.netloc else wanted


def sign_in_for(wanted: str) -> str:
    """The sign-in page that leads on to `wanted`."""
    path = own(wanted)
    return SIGN_IN if path == HOME else f"{SIGN_IN}?next={quote(path, safe='')}"

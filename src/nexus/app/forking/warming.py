"""What libraries make at their first use, alike in every process: made once, before the fork, it is shared."""

import ssl
from importlib import import_module
from typing import Final

LATER: Final = (
    "_strptime",
    "cryptography.hazmat.backends.openssl.backend",
    "encodings.idna",
    "h11",
    "httpcore",
    "zipfile",
)
"""Modules that a door or the worker imports on its way to being ready, through libraries."""


def warm() -> None:
    """Import these, and have OpenSSL read its configuration and set up its algorithms (5 MiB, at the first TLS context).

    Nothing that is random comes of it: OpenSSL draws at the first need, and anew after each fork.
    """
    for name in LATER:
        import_module(name)
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

"""A token's library may share OpenSSL with Python, and leave errors in its queue that belong to nobody any more.

SoftHSM does ("no such engine" at its start). The next TLS read of this thread would find them, take them for its own, and
end a sound connection. So the queue is emptied after each call into a token.
"""

import ctypes
import ssl
from collections.abc import Callable


def _clearer() -> Callable[[], object]:
    try:
        clear = ctypes.CDLL(ssl._ssl.__file__).ERR_clear_error  # type: ignore[attr-defined]
    except (OSError, AttributeError):  # OpenSSL built into the interpreter: a token's library has one of its own
        return lambda: None
    clear.restype, clear.argtypes = None, ()
    return clear


forget: Callable[[], object] = _clearer()
"""Empty the queue of this thread. Costs less than a microsecond."""

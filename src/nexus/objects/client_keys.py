"""Keys that clients bring with each request and keep themselves (SSE-C). None is ever stored.

Such a key is joined with the object key: both are needed to open the content, so the platform alone cannot, and neither
can whoever holds the client's key alone. What is kept is a verifier, sealed with the facts of the object: it tells a
wrong key from damage, and it tells nothing about the key to somebody who does not hold the object key.
"""

import hmac
from base64 import b64encode
from typing import Final

from nexus.kernel.errors import Denied, Invalid
from nexus.kernel.secret import Secret
from nexus.objects.errors import CLIENT_KEY_NEEDED, CLIENT_KEY_WRONG
from nexus.objects.sealing import ObjectKey

KEY_BYTES: Final = 32
"""AES-256, the only kind that S3 has."""


class ClientKey:
    """A client's key, for as long as its request lasts."""

    __slots__ = ("_secret",)

    def __init__(self, secret: Secret) -> None:
        """Takes 32 bytes over. Raises Invalid on any other number."""
        if len(secret) != KEY_BYTES:
            raise Invalid(f"a client's key has {KEY_BYTES} bytes", code=CLIENT_KEY_WRONG)
        self._secret = secret

    def verifier(self, key: ObjectKey) -> str:
        """What this key is recognised by, for one object."""
        return b64encode(key.verifier_of(self._secret)).decode()

    def join(self, key: ObjectKey) -> ObjectKey:
        """The object key that opens the content."""
        return key.joined_with(self._secret)


def joined(key: ObjectKey, verifier: str, client_key: ClientKey | None) -> ObjectKey:
    """The key of an object's content: `key`, joined with the client's key if `verifier` says that one is needed.

    Raises Invalid without the key or with one too many, Denied with a wrong one.
    """
    if not verifier:
        if client_key is not None:
            raise Invalid("the object was not encrypted with a client's key", code=CLIENT_KEY_WRONG)
        return key
    if client_key is None:
        raise Invalid("the object was encrypted with a client's key: bring it", code=CLIENT_KEY_NEEDED)
    if not hmac.compare_digest(client_key.verifier(key), verifier):
        raise Denied("this is not the client's key of this object", code=CLIENT_KEY_WRONG)
    return client_key.join(key)

"""The function: two levels of HMAC-SHA-256 (RFC 2104) under independent secrets.

    link       = HMAC(first-level secret, label || identity)                       32 bytes
    pseudonym  = HMAC(secret of the domain and epoch, label || domain || link)     its first 20 bytes

A French identity has about 36 bits: a plain hash of it is reversed by trying them all. What makes this irreversible is
that nobody holds both secrets, and that neither is derived from the other.
"""

import os
from collections.abc import Iterable, Sequence
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from nexus.kernel.secret import Secret
from nexus.pseudonyms.identity import Identity
from nexus.pseudonyms.notation import BODY_BYTES, Domain, Writing

SECRET_BYTES: Final = 32
LINK_BYTES: Final = 32

_LINK_LABEL: Final = b"nexus/pseudonym/link/1\0"
_RENEWED_LABEL: Final = b"nexus/pseudonym/renewed-link/1\0"
_PSEUDONYM_LABEL: Final = b"nexus/pseudonym/domain/1\0"


def fresh_secret() -> Secret:
    """A secret of either level, from the system's generator."""
    return Secret(os.urandom(SECRET_BYTES))


def link_message(identity: Identity) -> bytes:
    """What the link of an identity is the MAC of, under the first secret."""
    return _LINK_LABEL + identity.canonical()


def renewal_message(link: bytes) -> bytes:
    """What the next link is the MAC of, under the next secret."""
    return _RENEWED_LABEL + link


class Linking:
    """The first level: identities become links. In life the key service computes this, over the same messages."""

    __slots__ = ("_keys",)

    def __init__(self, secrets: Iterable[Secret]) -> None:
        """The secrets of every first-level epoch, the oldest first: a renewed link is made of the one before."""
        self._keys = tuple(_keyed(secret) for secret in secrets)
        if not self._keys:
            raise ValueError("the first level needs a secret")

    def link(self, identity: Identity) -> bytes:
        """What stands for an identity from here on: 32 bytes."""
        first, *later = self._keys
        made = _mac(first, link_message(identity))
        for key in later:
            made = _mac(key, renewal_message(made))
        return made

    def renew(self, link: bytes) -> bytes:
        """The link of the newest epoch, of the one before it: how a leaked secret is left without an identity at hand."""
        return _mac(self._keys[-1], renewal_message(link))


class Pseudonymising:
    """The second level in one domain and epoch: links become pseudonyms. Held by a service that sees no identity."""

    __slots__ = ("_key", "_label", "_writing", "domain")

    def __init__(self, domain: Domain, secret: Secret) -> None:
        self.domain = domain
        self._key = _keyed(secret)
        self._writing = Writing(domain)
        self._label = _PSEUDONYM_LABEL + str(domain).encode("ascii") + b"\0"

    def body(self, link: bytes) -> bytes:
        """The 20 bytes of a pseudonym."""
        if len(link) != LINK_BYTES:
            raise ValueError("a link has 32 bytes")
        return _mac(self._key, self._label + link)[:BODY_BYTES]

    def pseudonym(self, link: bytes) -> str:
        """The pseudonym, as it is written."""
        return self._writing.write(self.body(link))

    def pseudonyms(self, links: Sequence[bytes]) -> list[str]:
        """The pseudonyms of many, in order: far less work than one by one."""
        return self._writing.write_all([self.body(link) for link in links])


def _keyed(secret: Secret) -> HMAC:
    """A MAC that has taken the key in, to be copied for each use: half the cost of starting anew."""
    if len(secret) != SECRET_BYTES:
        raise ValueError("a secret of pseudonyms has 32 bytes")
    return HMAC(secret.reveal(), SHA256())


def _mac(keyed: HMAC, message: bytes) -> bytes:
    mac = keyed.copy()
    mac.update(message)
    return mac.finalize()

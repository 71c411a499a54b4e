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

    __slots__ = ("_first", "_later", "_newest")

    def __init__(self, secrets: Iterable[Secret]) -> None:
        """The secrets of every first-level epoch, the oldest first: a renewed link is made of the one before."""
        keys = [_keyed(secret) for secret in secrets]
        if not keys:
            raise ValueError("the first level needs a secret")
        self._first = _started(keys[0], _LINK_LABEL)
        self._later = tuple(_started(key, _RENEWED_LABEL) for key in keys[1:])
        self._newest = _started(keys[-1], _RENEWED_LABEL)

    def link(self, identity: Identity) -> bytes:
        """What stands for an identity from here on: 32 bytes."""
        return self.links([identity])[0]

    def links(self, identities: Iterable[Identity]) -> list[bytes]:
        """The links of many, in order."""
        made = _macs(self._first, [identity.canonical() for identity in identities])
        for started in self._later:
            made = _macs(started, made)
        return made

    def renew(self, link: bytes) -> bytes:
        """The link of the newest epoch, of the one before it: how a leaked secret is left without an identity at hand."""
        return _macs(self._newest, [link])[0]


class Pseudonymising:
    """The second level in one domain and epoch: links become pseudonyms. Held by a service that sees no identity."""

    __slots__ = ("_started", "_writing", "domain")

    def __init__(self, domain: Domain, secret: Secret) -> None:
        self.domain = domain
        self._started = _started(_keyed(secret), _PSEUDONYM_LABEL + str(domain).encode("ascii") + b"\0")
        self._writing = Writing(domain)

    def body(self, link: bytes) -> bytes:
        """The 20 bytes of a pseudonym."""
        return self.bodies([link])[0]

    def bodies(self, links: Sequence[bytes]) -> list[bytes]:
        """Those of many, in order."""
        if any(len(link) != LINK_BYTES for link in links):
            raise ValueError("a link has 32 bytes")
        return [mac[:BODY_BYTES] for mac in _macs(self._started, links)]

    def pseudonym(self, link: bytes) -> str:
        """The pseudonym, as it is written."""
        return self._writing.write(self.body(link))

    def pseudonyms(self, links: Sequence[bytes]) -> list[str]:
        """The pseudonyms of many, in order: far less work than one by one."""
        return self._writing.write_all(self.bodies(links))


def _keyed(secret: Secret) -> HMAC:
    if len(secret) != SECRET_BYTES:
        raise ValueError("a secret of pseudonyms has 32 bytes")
    return HMAC(secret.reveal(), SHA256())


def _started(keyed: HMAC, label: bytes) -> HMAC:
    """A MAC that has taken key and label in, to be copied for each use: a third of the cost of starting anew."""
    mac = keyed.copy()
    mac.update(label)
    return mac


def _macs(started: HMAC, messages: Iterable[bytes]) -> list[bytes]:
    made, copy = [], started.copy
    for message in messages:
        mac = copy()
        mac.update(message)
        made.append(mac.finalize())
    return made

"""What an access key leaves of the rights of its identity: it takes away, and never gives.

Asked in the gate before the rights themselves (`gate.py`): a request passes if the narrowing leaves it *and* the identity may.
So a narrowed key can never do what its identity may not, whatever is written in it.

A key that is left prefixes acts on objects and listings within them and on nothing else: a door says what a request is about
by `Resource.part`, and where it says nothing, the request is about the whole bucket and refused.
"""

import re
from dataclasses import fields
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import msgspec

from nexus.iam.actions import ACTIONS
from nexus.iam.tables.action import BUCKET
from nexus.kernel.errors import Damaged, Invalid
from nexus.kernel.operation import Narrowing, Resource

MAX_ENTRIES = 64
"""Of each list of a narrowing."""
MAX_CHARS = 256
"""Of an entry."""
RULE = "narrowed-access-key"
"""Stands in the entry of a refusal, as the ids of policies do."""

MAX_PREFIX_CHARS = 1_088
"""Of `bucket/prefix`: a name of 63 characters, a slash, a key of 1,024 bytes."""
_BUCKET_AND_PREFIX = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.*", re.DOTALL)
_FIELDS = frozenset(field.name for field in fields(Narrowing))
_decoder = msgspec.json.Decoder(Narrowing)


def checked(narrowing: Narrowing) -> Narrowing | None:
    """The narrowing, if it can be understood whole; None if it narrows nothing. Raises Invalid."""
    for entries in (narrowing.actions, narrowing.buckets, narrowing.networks, narrowing.purposes):
        if len(entries) > MAX_ENTRIES or any(not 0 < len(entry) <= MAX_CHARS for entry in entries):
            raise Invalid(f"{MAX_ENTRIES} entries of {MAX_CHARS} characters at most", code="iam.narrowing")
    _check_prefixes(narrowing.prefixes)
    for action in narrowing.actions:
        if action not in ACTIONS or BUCKET not in ACTIONS[action].resource_types:
            raise Invalid(
                f"there is no action {action!r} on buckets", code="iam.narrowing", hint="such as objects.object.read"
            )
    try:
        _networks(narrowing.networks)
    except ValueError as error:
        raise Invalid(f"this is no network: {error}", code="iam.narrowing", hint="write 10.1.0.0/16") from error
    return narrowing if narrowing != Narrowing() else None


def leaves(narrowing: Narrowing, action: str, resource: Resource, purpose: str, origin: str) -> bool:
    """Whether a request is left over. Each list that is not empty must hold what the request is about."""
    if narrowing.actions and action not in narrowing.actions:
        return False
    if narrowing.buckets and (resource.type != BUCKET or resource.id not in narrowing.buckets):
        return False
    if narrowing.policies and resource.type != BUCKET:
        return False  # only the S3 door understands policies, and it deals in buckets
    if narrowing.prefixes and (resource.type != BUCKET or not _begins(narrowing.prefixes, resource)):
        return False
    if narrowing.purposes and purpose not in narrowing.purposes:
        return False
    return not narrowing.networks or _inside(narrowing.networks, origin)


def keeps_role(roles: tuple[str, ...], role: str, scope: str) -> bool:
    """Whether a right counts for a credential that is left these roles (`researcher`, `researcher@project:alpha`)."""
    return not roles or role in roles or f"{role}@{scope}" in roles


def encode(narrowing: Narrowing | None) -> str | None:
    """As it is stored: JSON."""
    return None if narrowing is None else msgspec.json.encode(narrowing).decode()


def decode(stored: str | None) -> Narrowing | None:
    """The inverse of `encode`. Raises Damaged: a narrowing that cannot be read must not become none."""
    if stored is None:
        return None
    try:
        if not msgspec.json.decode(stored, type=dict[str, Any]).keys() <= _FIELDS:
            raise _damaged()  # what a later version takes away must not be given back by this one
        return _decoder.decode(stored)
    except msgspec.DecodeError as error:
        raise _damaged() from error


def _damaged() -> Damaged:
    return Damaged("the narrowing of an access key cannot be read", code="iam.narrowing-damaged")


def _check_prefixes(prefixes: tuple[str, ...]) -> None:
    if len(prefixes) > MAX_ENTRIES or any(len(prefix) > MAX_PREFIX_CHARS for prefix in prefixes):
        raise Invalid(f"{MAX_ENTRIES} prefixes of {MAX_PREFIX_CHARS} characters at most", code="iam.narrowing")
    for prefix in prefixes:
        if _BUCKET_AND_PREFIX.fullmatch(prefix) is None:
            raise Invalid(
                "a prefix is the name of a bucket, a slash, and how the names of its objects begin",
                code="iam.narrowing",
                hint="such as scans/2026/",
            )


def _begins(prefixes: tuple[str, ...], resource: Resource) -> bool:
    return f"{resource.id}/{resource.part}".startswith(prefixes)


def _inside(networks: tuple[str, ...], origin: str) -> bool:
    try:
        address = ip_address(origin)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in _networks(networks))


@lru_cache(maxsize=1_024)
def _networks(networks: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in networks)

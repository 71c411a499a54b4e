"""Arguments of the calls that are no operations of the doors: data keys, signatures, the outbox."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from nexus.kernel.secret import Secret
from nexus.kms.uses import Use


class GenerateCall(Struct, frozen=True, array_like=True):
    key_id: str
    context: Mapping[str, str]


class GenerateAnswer(Struct, frozen=True, array_like=True):
    plaintext: Secret
    wrapped: bytes


class WrapCall(Struct, frozen=True, array_like=True):
    key_id: str
    secret: Secret
    context: Mapping[str, str]


class UnwrapCall(Struct, frozen=True, array_like=True):
    wrapped: bytes
    context: Mapping[str, str]


class RewrapCall(Struct, frozen=True, array_like=True):
    wrapped: tuple[bytes, ...]
    contexts: tuple[Mapping[str, str], ...]


class SignCall(Struct, frozen=True, array_like=True):
    key_id: str
    message: bytes
    version: int | None


class PublicKeyCall(Struct, frozen=True, array_like=True):
    key_id: str
    version: int | None


class BoundKeyCall(Struct, frozen=True, array_like=True):
    use: Use


class SignBoundCall(Struct, frozen=True, array_like=True):
    use: Use
    message: bytes
    version: int | None


class GenerateBoundCall(Struct, frozen=True, array_like=True):
    use: Use
    context: Mapping[str, str]


class UnwrapBoundCall(Struct, frozen=True, array_like=True):
    use: Use
    wrapped: bytes
    context: Mapping[str, str]


class PrfBoundCall(Struct, frozen=True, array_like=True):
    use: Use
    inputs: tuple[bytes, ...]
    version: int | None


class PrfCall(Struct, frozen=True, array_like=True):
    key_id: str
    inputs: tuple[bytes, ...]
    version: int | None


class EntriesCall(Struct, frozen=True, array_like=True):
    limit: int


class EntriesDoneCall(Struct, frozen=True, array_like=True):
    upto: int


Arguments = Any
"""One of the above, or a request of `requests.py`, as the method's line in `methods.METHODS` says."""

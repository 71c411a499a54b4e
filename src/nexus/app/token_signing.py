"""The issuer's signer, kept by the key service: the private half never comes here."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from nexus.iam.oidc.claims import encoded
from nexus.iam.oidc.ports import SigningKey
from nexus.kernel.clock import MINUTE, Clock, Instant
from nexus.kernel.operation import Operation
from nexus.kms.client import KeyServiceClient
from nexus.kms.uses import BoundKey, BoundVersion, Use

REMEMBERED: Final = MINUTE
"""How long the list of keys is used before it is asked for again; a new version is listed an hour before it signs."""
_COORDINATE = 32


class KmsTokenSigner:
    """The port `TokenSigner` over the bound key of the issuer. A key id is `<key>.<version>`."""

    def __init__(self, kms: KeyServiceClient, clock: Clock, operation: Callable[[], Operation]) -> None:
        self._kms = kms
        self._clock = clock
        self._operation = operation
        self._known: tuple[Instant, Sequence[SigningKey]] | None = None

    async def keys(self) -> Sequence[SigningKey]:
        """Every version that verifiers must know, the one whose turn it is first."""
        now = self._clock.now()
        if self._known is None or now >= self._known[0] + REMEMBERED:
            self._known = (now, _listed(await self._kms.bound_key(Use.TOKEN_ISSUER, self._operation())))
        return self._known[1]

    async def sign(self, kid: str, message: bytes) -> bytes:
        """By the version that `kid` names."""
        version = int(kid.rpartition(".")[2])
        signed = await self._kms.sign_bound(Use.TOKEN_ISSUER, message, self._operation(), version=version)
        return signed.signature


def _listed(key: BoundKey) -> list[SigningKey]:
    newest_first = sorted(key.versions, key=lambda version: (not version.signs, -version.number))
    return [SigningKey(f"{key.key_id}.{version.number}", _jwk(version)) for version in newest_first]


def _jwk(version: BoundVersion) -> dict[str, Any]:
    point = version.public_key[1:]
    x, y = point[:_COORDINATE], point[_COORDINATE:]
    return {"kty": "EC", "crv": "P-256", "x": encoded(x).decode(), "y": encoded(y).decode()}

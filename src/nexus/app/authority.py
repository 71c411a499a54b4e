"""The platform's certificate authority, asked: its key is made in the key service and never leaves it.

`tls/ca.pem` holds a root for each version of that key, the one that signs now first: that file is what clients trust. A new
version (a custodian rotates the key) gets its root at once and signs seven days later, so that clients have the file in
time. A data directory of an earlier Nexus kept the authority's key wrapped in `keys/`; the first start after the
update crosses over (`cross_over`). docs/decisions/0010-authority-in-the-key-service.md
"""

import logging
from collections.abc import Sequence
from typing import Final

from nexus.app import custody, pki
from nexus.app.datadir import DataDirectory, sync_directory, write_durably
from nexus.app.pki import Leaf
from nexus.kernel.clock import Clock
from nexus.kernel.errors import Conflict
from nexus.kernel.operation import Operation
from nexus.kms.client import KeyServiceClient
from nexus.kms.uses import BoundKey, Use

PUBLIC: Final = 0o644

_log: Final = logging.getLogger("nexus.supervisor")


class CertificateAuthority:
    """Issues certificates for as long as the key service is unsealed. One for each platform, in the supervisor."""

    def __init__(self, kms: KeyServiceClient, directory: DataDirectory, clock: Clock) -> None:
        self._kms = kms
        self._directory = directory
        self._clock = clock

    async def ensure(self, op: Operation) -> bytes:
        """Bring `tls/ca.pem` in step with the key service, and return it. Raises Sealed or Unavailable.

        Again is harmless: with nothing new, nothing is signed and nothing is written.
        """
        key = await self._kms.bound_key(Use.CERTIFICATE_AUTHORITY, op)
        present = self._present()
        roots = {pki.point(root): root for root in present}
        for version in key.versions:
            if version.public_key not in roots:
                to_sign = pki.draft_root(self._directory.instance, version.public_key, self._clock.now())
                made = await self._kms.sign_bound(Use.CERTIFICATE_AUTHORITY, to_sign, op, version=version.number)
                roots[version.public_key] = pki.signed_root(to_sign, made.signature)
        bundle = b"".join(roots[point] for point in _signing_first(key))
        await self._cross_over(bundle, present, op)
        if bundle != b"".join(present):
            write_durably(self._directory.certificate_authority, bundle, mode=PUBLIC)
        return bundle

    async def door(self, names: Sequence[str], hours: int, op: Operation) -> Leaf:
        """A certificate for a door."""
        return await self._signed(pki.draft_door(self._root(), names, hours, self._clock.now()), op)

    async def service(self, uri: str, op: Operation) -> Leaf:
        """A certificate for a service, an hour at most."""
        return await self._signed(pki.draft_service(self._root(), uri, self._clock.now()), op)

    async def _signed(self, draft: pki.Draft, op: Operation) -> Leaf:
        key = await self._kms.bound_key(Use.CERTIFICATE_AUTHORITY, op)
        signer = pki.point(draft.root)
        for version in key.versions:
            if version.public_key == signer:
                made = await self._kms.sign_bound(Use.CERTIFICATE_AUTHORITY, draft.to_sign, op, version=version.number)
                return draft.signed(made.signature)
        raise Conflict(
            "tls/ca.pem is not of this platform's authority", code="pki.authority-mismatch", hint="restart the platform"
        )

    def _root(self) -> bytes:
        return self._present()[0]

    def _present(self) -> list[bytes]:
        try:
            return pki.split(self._directory.certificate_authority.read_bytes())
        except FileNotFoundError:
            return []

    # From the time when the key was in keys/

    async def _cross_over(self, bundle: bytes, present: Sequence[bytes], op: Operation) -> None:
        """The former root says, once, who follows it; then its key is given up.

        `tls/ca-former.pem` keeps the former root and its statement: whoever has the former root can verify the new one.
        """
        wrapped = self._directory.former_authority_key
        if not wrapped.exists():
            return
        key = await custody.open_former_authority(self._kms, self._directory, op)
        try:
            for root in present:
                if (former := pki.authority_of(root, key)) is not None:
                    statement = pki.vouch(former, pki.split(bundle)[0], self._clock.now())
                    write_durably(self._directory.former_authority, root + statement, mode=PUBLIC)
        finally:
            key.wipe()
        write_durably(self._directory.certificate_authority, bundle, mode=PUBLIC)
        wrapped.unlink()
        sync_directory(wrapped.parent)
        _log.warning(
            "the certificate authority has moved into the key service: give clients the new %s",
            self._directory.certificate_authority,
        )


def _signing_first(key: BoundKey) -> list[bytes]:
    signing = key.signing.public_key
    return [signing, *(each.public_key for each in reversed(key.versions) if each.public_key != signing)]

"""What a device's certificate proves, by itself: chain, time, use. Who may use the device stands in the database.

1. The header is one byte sequence of RFC 8941 (`:base64:`), as RFC 9440 says, and holds one X.509 certificate.
2. Its chain ends, at this moment, at an authority that the installation named; nothing of a chain is taken from the request.
3. It is an end entity's (no authority's) and is for authentication of clients.
"""

import base64
import binascii
import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from nexus.iam.memory import remember
from nexus.kernel.clock import SECOND, Instant
from nexus.kernel.errors import Invalid, Unauthenticated

MAX_CERTIFICATE_BYTES: Final = 8_192
MAX_AUTHORITIES: Final = 16
MAX_REMEMBERED: Final = 1_024
"""Certificates whose chain was verified, for as long as nothing in it ends."""
REMEMBERED_FOR: Final = 60 * SECOND
_BYTE_SEQUENCE: Final = re.compile(r"\A:[A-Za-z0-9+/]*={0,2}:\Z")
_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Proved:
    """A certificate that verified: SHA-256 of it, and its end."""

    fingerprint: bytes
    ends_at: Instant


class DeviceAuthorities:
    """The authorities of devices. Without any, no certificate proves anything."""

    def __init__(self, certificates: Sequence[x509.Certificate] = ()) -> None:
        self._store = Store(list(certificates)) if certificates else None
        self._remembered: OrderedDict[bytes, tuple[Proved, Instant]] = OrderedDict()

    @classmethod
    def read(cls, file: str) -> "DeviceAuthorities":
        """From a PEM file, or none if no file is named. Raises Invalid."""
        if not file:
            return cls()
        try:
            found = x509.load_pem_x509_certificates(Path(file).read_bytes())
        except OSError as error:
            raise Invalid(f"device_authority cannot be read ({error.strerror})", code="iam.device-authority") from None
        except ValueError:
            raise Invalid("device_authority holds no certificates", code="iam.device-authority") from None
        if not 0 < len(found) <= MAX_AUTHORITIES:
            raise Invalid(f"device_authority holds more than {MAX_AUTHORITIES}", code="iam.device-authority")
        return cls(found)

    def shown(self, header: str, now: Instant) -> Proved:
        """What a `Client-Cert` header proves. Raises Unauthenticated, with one message for every reason."""
        if not _BYTE_SEQUENCE.match(header):
            raise _nothing()
        try:
            return self.verified(base64.b64decode(header[1:-1], validate=True), now)
        except binascii.Error:
            raise _nothing() from None

    def verified(self, der: bytes, now: Instant) -> Proved:
        """What a certificate proves. Raises Unauthenticated."""
        if self._store is None or len(der) > MAX_CERTIFICATE_BYTES:
            raise _nothing()
        known = self._remembered.get(der)
        if known is not None and now < known[1]:
            return known[0]
        try:
            certificate = x509.load_der_x509_certificate(der)
            _verify(self._store, certificate, now)
        except (ValueError, VerificationError, x509.ExtensionNotFound, x509.DuplicateExtension):
            raise _nothing() from None
        ends = Instant(int(certificate.not_valid_after_utc.timestamp()) * _MICROSECONDS)
        proved = Proved(certificate.fingerprint(hashes.SHA256()), ends)
        remember(self._remembered, der, (proved, Instant(min(now + REMEMBERED_FOR, ends))), MAX_REMEMBERED)
        return proved


def der_of(pem: str) -> bytes:
    """The one certificate in a PEM text. Raises Invalid."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode("ascii"))
    except ValueError:
        raise Invalid("this is no certificate in PEM", code="iam.device-certificate") from None
    if len(found) != 1:
        raise Invalid("give one certificate, without its chain", code="iam.device-certificate")
    return found[0].public_bytes(serialization.Encoding.DER)


def _verify(store: Store, certificate: x509.Certificate, now: Instant) -> None:
    at = datetime.fromtimestamp(now / _MICROSECONDS, UTC).replace(microsecond=0)
    authority = ExtensionPolicy.webpki_defaults_ca()
    verifier = PolicyBuilder().store(store).time(at).extension_policies(ee_policy=_of_devices(), ca_policy=authority)
    verifier.build_client_verifier().verify(certificate, [])


def _of_devices() -> ExtensionPolicy:
    """Names are of no matter, because a certificate is known by its fingerprint; what it may be used for is."""
    return (
        ExtensionPolicy.permit_all()
        .require_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _for_clients)
        .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _no_authority)
    )


def _for_clients(policy: Policy, certificate: x509.Certificate, uses: x509.ExtendedKeyUsage) -> None:
    if ExtendedKeyUsageOID.CLIENT_AUTH not in uses:
        raise ValueError("it is not for clients")


def _no_authority(policy: Policy, certificate: x509.Certificate, basic: x509.BasicConstraints | None) -> None:
    if basic is not None and basic.ca:
        raise ValueError("it is an authority's")


def _nothing() -> Unauthenticated:
    return Unauthenticated("this certificate proves no device", code="iam.device-certificate")

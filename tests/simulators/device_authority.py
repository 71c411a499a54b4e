"""Whoever gives the hospital's devices their certificates, and what a proxy writes of one that it has verified."""

import base64
import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nexus.kernel.clock import SECOND, Instant

CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH


@dataclass(frozen=True)
class Shown:
    """A device's certificate."""

    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def header(self) -> str:
        """As RFC 9440 has it."""
        return f":{base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()}:"


class DeviceAuthority:
    """An authority, with its key at hand."""

    def __init__(self, now: Instant, name: str = "Hospital devices") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._now = _moment(now)
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._signed(
            self._name, self._key, self._now + datetime.timedelta(days=900), (), authority=True
        )

    def write(self, file: Path) -> str:
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        return str(file)

    def issue(
        self,
        name: str = "laptop-7",
        *,
        days: float = 90,
        begins_in_days: float = -1,
        uses: tuple[x509.ObjectIdentifier, ...] = (CLIENT,),
        authority: bool = False,
    ) -> Shown:
        """A certificate for a device."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        key, end = ec.generate_private_key(ec.SECP256R1()), self._now + datetime.timedelta(days=days)
        start = self._now + datetime.timedelta(days=begins_in_days)
        return Shown(self._signed(subject, key, end, uses, authority=authority, start=start))

    def _signed(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        end: datetime.datetime,
        uses: tuple[x509.ObjectIdentifier, ...],
        *,
        authority: bool,
        start: datetime.datetime | None = None,
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start or self._now - datetime.timedelta(days=1))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(_usage(signs=authority), critical=True)
        )
        if uses:
            builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _moment(now: Instant) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now // SECOND, datetime.UTC)

"""The platform's own certificate authority: one root, short-lived certificates for the doors, TLS 1.3 only.

Pure functions over keys and times. Where the authority's key rests (wrapped by the key service, in `keys/`) and who may
ask for a certificate is the supervisor's business; nothing here touches the disk.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from nexus.kernel.clock import HOUR, SECOND, Instant
from nexus.kernel.errors import Damaged
from nexus.kernel.secret import Secret

CURVE = ec.SECP256R1
"""P-256: what every S3 client and browser accepts in TLS 1.3. Certificates sign handshakes and protect no stored byte."""
AUTHORITY_DAYS = 3_650
BACKDATE = timedelta(minutes=5)
"""Clients whose clock is a little slow must accept a certificate that was issued this minute."""
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Authority:
    """The root: its public certificate (PEM) and its private key (PKCS#8 DER)."""

    certificate: bytes
    key: Secret


@dataclass(frozen=True, slots=True)
class Leaf:
    """A door's certificate chain (PEM), its private key (PKCS#8 PEM) and its end."""

    chain: bytes
    key: Secret
    renew_at: Instant
    expires_at: Instant


def found_authority(instance: str, now: Instant) -> Authority:
    """A new root for one platform. Its certificate may sign certificates of servers and nothing else."""
    key = ec.generate_private_key(CURVE())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Nexus"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Nexus {instance}"),
        ]
    )
    start = _moment(now)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - BACKDATE)
        .not_valid_after(start + timedelta(days=AUTHORITY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate.public_bytes(serialization.Encoding.PEM), Secret(_der(key)))


def issue(authority: Authority, names: Sequence[str], hours: int, now: Instant) -> Leaf:
    """A certificate for the doors, valid for the local names and `names` (DNS names or IP addresses)."""
    root, root_key = _load(authority)
    key = ec.generate_private_key(CURVE())
    start = _moment(now)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nexus door")]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - BACKDATE)
        .not_valid_after(start + timedelta(hours=hours))
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
        .sign(root_key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Leaf(
        chain=certificate.public_bytes(serialization.Encoding.PEM) + authority.certificate,
        key=Secret(pem),
        renew_at=Instant(now + hours * HOUR * 2 // 3),
        expires_at=Instant(now + hours * HOUR),
    )


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a PEM certificate, as browsers show it."""
    digest = x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256()).hex().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def _load(authority: Authority) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate = x509.load_pem_x509_certificate(authority.certificate)
    key = serialization.load_der_private_key(authority.key.reveal(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise Damaged(
            "the certificate authority's key does not belong to tls/ca.pem",
            code="pki.authority-mismatch",
            hint="restore tls/ca.pem and keys/ from the same backup",
        )
    return certificate, key


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys((*LOCAL_NAMES, *names)):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _der(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _moment(now: Instant) -> datetime:
    return datetime.fromtimestamp(now // SECOND, UTC)

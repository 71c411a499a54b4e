"""Certificates of the platform: one root, short-lived certificates for doors and services, TLS 1.3 only.

Pure functions over keys and times. A `Draft` is what an authority has to sign: the platform's authority is a key inside the
key service (`authority.py` asks it), the boot authority of the local sockets is a key in the supervisor's memory
(`Authority` here). Nothing here touches the disk.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from nexus.crypto import certificates
from nexus.kernel.clock import HOUR, SECOND, Instant
from nexus.kernel.errors import Damaged
from nexus.kernel.secret import Secret

CURVE = ec.SECP256R1
"""P-256: what every S3 client and browser accepts in TLS 1.3. Certificates sign handshakes and protect no stored byte."""
AUTHORITY_DAYS = 3_650
BACKDATE = timedelta(minutes=5)
"""Clients whose clock is a little slow must accept a certificate that was issued this minute."""
SERVICE_MINUTES = 60
"""Life of a service's certificate, in all; it begins `BACKDATE` ago."""
_MICROSECOND = timedelta(microseconds=1)
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Authority:
    """A root whose private key is at hand: its public certificate (PEM) and its key (PKCS#8 DER)."""

    certificate: bytes
    key: Secret


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate chain (PEM), its private key (PKCS#8 PEM), when to renew it, and its end."""

    chain: bytes
    key: Secret
    renew_at: Instant
    expires_at: Instant


@dataclass(frozen=True, slots=True)
class Draft:
    """A certificate that waits for its signature, and the private key that it is for."""

    to_sign: bytes
    root: bytes
    key: Secret
    renew_at: Instant
    expires_at: Instant

    def signed(self, signature: bytes) -> Leaf:
        """`signature`: raw, r then s, by the authority."""
        chain = certificates.signed(self.to_sign, signature) + self.root
        return Leaf(chain, self.key, self.renew_at, self.expires_at)


# Roots


def draft_root(instance: str, point: bytes, now: Instant) -> bytes:
    """What the authority with this public key signs to become a root. It signs leaves and no further authority."""
    key, name = certificates.key_at(point), _root_name(instance)
    return certificates.unsigned(_root_builder(name, name, key, now, timedelta(days=AUTHORITY_DAYS)))


def found_authority(instance: str, now: Instant) -> Authority:
    """A new root with its key at hand, for the length of a boot."""
    key = ec.generate_private_key(CURVE())
    name = _root_name(instance)
    certificate = _root_builder(name, name, key.public_key(), now, timedelta(days=AUTHORITY_DAYS)).sign(
        key, hashes.SHA256()
    )
    return Authority(certificate.public_bytes(serialization.Encoding.PEM), Secret(_der(key)))


def vouch(former: Authority, root: bytes, now: Instant) -> bytes:
    """A statement by a former root that another one follows it (PEM): the same name and key, signed with the old key."""
    certificate, key = _load(former)
    follower = x509.load_pem_x509_certificate(root)
    public = follower.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    life = follower.not_valid_after_utc - _moment(now)
    statement = _root_builder(follower.subject, certificate.subject, public, now, life).sign(key, hashes.SHA256())
    return statement.public_bytes(serialization.Encoding.PEM)


# Leaves


def draft_door(root: bytes, names: Sequence[str], hours: int, now: Instant) -> Draft:
    """A certificate for the doors, valid for the local names and `names` (DNS names or IP addresses)."""
    server = [ExtendedKeyUsageOID.SERVER_AUTH]
    return _draft(root, "Nexus door", _alternatives(names), uses=server, life=hours * HOUR, now=now)


def draft_service(root: bytes, uri: str, now: Instant) -> Draft:
    """A certificate that says which service this is, to those that it calls and to those that call it."""
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    life = timedelta(minutes=SERVICE_MINUTES) - BACKDATE
    names = [x509.UniformResourceIdentifier(uri)]
    return _draft(root, f"Nexus {uri.rpartition('/')[2]}", names, uses=both, life=life // _MICROSECOND, now=now)


def issue(authority: Authority, names: Sequence[str], hours: int, now: Instant) -> Leaf:
    """A door's certificate by an authority whose key is at hand."""
    return sign(authority, draft_door(authority.certificate, names, hours, now))


def sign(authority: Authority, draft: Draft) -> Leaf:
    """Sign with a key that is at hand. Raises Damaged if it is not the key of its certificate."""
    _, key = _load(authority)
    halves = decode_dss_signature(key.sign(draft.to_sign, ec.ECDSA(hashes.SHA256())))
    return draft.signed(b"".join(half.to_bytes(certificates.HALF_BYTES, "big") for half in halves))


def signed_root(to_sign: bytes, signature: bytes) -> bytes:
    """The root (PEM) of a draft and its raw signature."""
    return certificates.signed(to_sign, signature)


def authority_of(root: bytes, key: Secret) -> Authority | None:
    """The authority of a root and a private key, or None if they do not belong together."""
    authority = Authority(root, key)
    try:
        _load(authority)
    except Damaged:
        return None
    return authority


def split(bundle: bytes) -> list[bytes]:
    """The certificates of a PEM file, one by one. Raises Damaged."""
    try:
        found = x509.load_pem_x509_certificates(bundle)
    except ValueError as error:
        raise Damaged("a file of certificates cannot be read", code="pki.bundle") from error
    return [certificate.public_bytes(serialization.Encoding.PEM) for certificate in found]


def point(certificate: bytes) -> bytes:
    """The public key of a PEM certificate, as the key service lists it; empty if it is of another kind."""
    key = x509.load_pem_x509_certificate(certificate).public_key()
    return certificates.point_of(key) if isinstance(key, ec.EllipticCurvePublicKey) else b""


def ends_at(certificate: bytes) -> datetime:
    """When a PEM certificate ends."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def fingerprint(certificate: bytes) -> str:
    """SHA-256 of a PEM certificate, as browsers show it."""
    digest = x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256()).hex().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


# Building them


def _root_name(instance: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Nexus"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Nexus {instance}"),
        ]
    )


def _root_builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: Instant, life: timedelta
) -> x509.CertificateBuilder:
    start = _moment(now)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - BACKDATE)
        .not_valid_after(start + life)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _draft(
    root: bytes,
    subject: str,
    names: Sequence[x509.GeneralName],
    *,
    uses: Sequence[ObjectIdentifier],
    life: int,
    now: Instant,
) -> Draft:
    issuer = x509.load_pem_x509_certificate(root)
    issuer_key = issuer.public_key()
    assert isinstance(issuer_key, ec.EllipticCurvePublicKey)
    key = ec.generate_private_key(CURVE())
    start = _moment(now)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - BACKDATE)
        .not_valid_after(start + timedelta(microseconds=life))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Draft(
        to_sign=certificates.unsigned(builder),
        root=root,
        key=Secret(pem),
        renew_at=Instant(now + life * 2 // 3),
        expires_at=Instant(now + life),
    )


def _load(authority: Authority) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate = x509.load_pem_x509_certificate(authority.certificate)
    key = serialization.load_der_private_key(authority.key.reveal(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise Damaged(
            "the certificate authority's key does not belong to its certificate",
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

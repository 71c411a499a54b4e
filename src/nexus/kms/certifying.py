"""What the certificate authority signs, whoever asks: its own root, doors' certificates, services' certificates.

1. It is a certificate, to be signed with ECDSA on P-256 and SHA-256.
2. It begins about now: not more than `BACKDATE` ago, and not later than now.
3. A root is for the authority's own key and names itself; anything else is for another key, names the authority's
   key as its issuer's, and can sign no certificate.
4. Whatever proves who a service is (a SPIFFE id, or use by clients) lasts an hour at most; a door's certificate 90 days.

So a process that may ask cannot get a second authority, nor a certificate that outlives its purpose.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from nexus.crypto import certificates
from nexus.kernel.clock import SECOND
from nexus.kernel.errors import Denied

BACKDATE: Final = timedelta(minutes=10)
"""The authority's users date certificates back a little, for clients whose clock is slow."""
ROOT_LIFE: Final = timedelta(days=3_650)
DOOR_LIFE: Final = timedelta(hours=2_160)
SERVICE_LIFE: Final = timedelta(hours=1)
_SERVER_ONLY: Final = frozenset({ExtendedKeyUsageOID.SERVER_AUTH})
_BOTH: Final = frozenset({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH})


def check(to_sign: bytes, authority: bytes, now: int) -> None:
    """Raises Invalid on what is no certificate, Denied on one that the authority does not sign.

    `authority`: the point of the version that is to sign; `now`: microseconds since 1970.
    """
    asked = certificates.read_unsigned(to_sign)
    at = datetime.fromtimestamp(now / SECOND, UTC)
    start, end = asked.not_valid_before_utc, asked.not_valid_after_utc
    if not at - BACKDATE <= start <= at + timedelta(seconds=1):
        raise _refused("it does not begin now")
    if _is_authority(asked):
        _check_root(asked, authority)
        _check_life(start, end, at, ROOT_LIFE)
    else:
        _check_life(start, end, at, _check_leaf(asked, authority))


def _is_authority(asked: x509.Certificate) -> bool:
    try:
        basic = asked.extensions.get_extension_for_class(x509.BasicConstraints)
        usage = asked.extensions.get_extension_for_class(x509.KeyUsage)
    except x509.ExtensionNotFound:
        raise _refused("it does not say whether it may sign certificates") from None
    if not basic.critical or not usage.critical:
        raise _refused("its constraints are not critical")
    return basic.value.ca or usage.value.key_cert_sign or usage.value.crl_sign


def _check_root(asked: x509.Certificate, authority: bytes) -> None:
    constraints = asked.extensions.get_extension_for_class(x509.BasicConstraints).value
    if _point(asked) != authority or asked.subject != asked.issuer:
        raise _refused("it would be another authority")
    if not constraints.ca or constraints.path_length != 0:
        raise _refused("it would allow authorities below it")


def _check_leaf(asked: x509.Certificate, authority: bytes) -> timedelta:
    """The longest life that it may have."""
    try:
        issuer = asked.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uses = frozenset(asked.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound as error:
        raise _refused("it does not say for whom and for what it is") from error
    expected = x509.AuthorityKeyIdentifier.from_issuer_public_key(certificates.key_at(authority))
    if issuer.key_identifier != expected.key_identifier or _point(asked) == authority:
        raise _refused("it names another authority, or is for the authority's own key")
    services = names.get_values_for_type(x509.UniformResourceIdentifier)
    if not services and uses == _SERVER_ONLY:
        return DOOR_LIFE
    if len(services) == 1 and len(list(names)) == 1 and uses == _BOTH:
        return SERVICE_LIFE
    raise _refused("it is neither a door's nor a service's")


def _check_life(start: datetime, end: datetime, at: datetime, longest: timedelta) -> None:
    if not start < end <= at + longest:
        raise _refused("it would last too long")


def _point(asked: x509.Certificate) -> bytes:
    key = asked.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise _refused("its key is not on P-256")
    return certificates.point_of(key)


def _refused(why: str) -> Denied:
    return Denied(f"the authority does not sign this certificate: {why}", code="kms.certificate-refused")
